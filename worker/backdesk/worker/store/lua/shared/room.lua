-- Room in memory. A full Redis refuses a script when it comes to its first write, if that may take memory: none of it has
-- taken effect then. After a write that takes none it goes on to its end.
--!include keys

-- Have a script go on though Redis is full: for ends and renewals, without which no room would come to be.
local function write_though_full() redis.call('HDEL', stopping_key, '') end
