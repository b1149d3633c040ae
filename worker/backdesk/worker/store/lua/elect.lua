-- Elect: become, or remain, the one worker that does the maintenance.
--
-- ARGV: common, worker, term in ms
-- Returns: 1 when this worker leads, else 0
-- Atomic. Idempotent.
--!include keys

local leader = redis.call('GET', leader_key)
if leader and leader ~= ARGV[5] then return 0 end
redis.call('SET', leader_key, ARGV[5], 'PX', ARGV[6])
return 1
