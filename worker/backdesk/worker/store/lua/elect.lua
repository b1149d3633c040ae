-- Elect: become, or remain, the one worker that does the maintenance.
--
-- ARGV: worker, term_ms
-- Returns: 1 when this worker leads, else 0
-- Atomic. Idempotent.
--!include keys
--!include room

local leader = redis.call('GET', leader_key)
if leader and leader ~= ARGV.worker then return 0 end
write_though_full()
redis.call('SET', leader_key, ARGV.worker, 'PX', ARGV.term_ms)
return 1
