-- Unschedule: forget a schedule. Its jobs are left alone.
--
-- ARGV: name
-- Returns: 1 when it was there, else 0
-- Atomic. Idempotent.
--!include keys

redis.call('DEL', schedule_key(ARGV.name))
redis.call('ZREM', schedule_due_key, ARGV.name)
return redis.call('HDEL', schedules_key, ARGV.name)
