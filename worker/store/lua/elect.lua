-- Elect: become, or remain, the one worker that does the maintenance.
--
-- ARGV: prefix, now ms or '', worker, term in ms
-- Returns: 1 when this worker leads, else 0
-- Atomic. Idempotent.
--!include keys

local leader = redis.call('GET', leader_key)
if leader and leader ~= ARGV[3] then return 0 end
redis.call('SET', leader_key, ARGV[3], 'PX', ARGV[4])
return 1
