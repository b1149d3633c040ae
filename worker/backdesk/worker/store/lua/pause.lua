-- Pause: fire a schedule no more until it is resumed.
--
-- ARGV: name
-- Returns: 1 when it is paused now, 0 when there is no such schedule
-- Atomic. Idempotent.
--!include keys

local key = schedule_key(ARGV.name)
if redis.call('EXISTS', key) == 0 then return 0 end
redis.call('HSET', key, 'paused', 1)
redis.call('ZREM', schedule_due_key, ARGV.name)
return 1
