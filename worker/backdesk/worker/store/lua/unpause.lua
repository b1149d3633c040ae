-- Unpause: fire a schedule again.
--
-- ARGV: common, name, generation, next moment in ms as it was read, next moment in ms from now on or ''
-- Returns: 1 when it is planned, 0 when it is no longer as it was read
-- Atomic. Idempotent. A next moment that has passed is left to the policy for missed ones.
--!include keys

local key = schedule_key(ARGV[5])
local field = redis.call('HMGET', key, 'generation', 'next')
if field[1] ~= ARGV[6] or (field[2] ~= ARGV[7] and field[2] ~= ARGV[8]) then return 0 end
redis.call('HDEL', key, 'paused')
redis.call('HSET', key, 'next', ARGV[8])
if ARGV[8] ~= '' then redis.call('ZADD', schedule_due_key, ARGV[8], ARGV[5]) end
return 1
