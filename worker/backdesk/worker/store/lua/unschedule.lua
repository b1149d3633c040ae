-- Unschedule: forget a schedule. Its jobs are left alone.
--
-- ARGV: common, name
-- Returns: 1 when it was there, else 0
-- Atomic. Idempotent.
--!include keys

redis.call('DEL', schedule_key(ARGV[5]))
redis.call('ZREM', schedule_due_key, ARGV[5])
return redis.call('HDEL', schedules_key, ARGV[5])
