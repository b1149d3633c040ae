-- Unpause: fire a schedule again.
--
-- ARGV: name, generation, planned (next moment in ms as it was read, or ''), following (next moment in ms from now on,
--   or '')
-- Returns: 1 when it is planned, 0 when it is no longer as it was read
-- Atomic. Idempotent. A next moment that has passed is left to the policy for missed ones.
--!include keys

local key = schedule_key(ARGV.name)
local field = redis.call('HMGET', key, 'generation', 'next')
if field[1] ~= ARGV.generation or (field[2] ~= ARGV.planned and field[2] ~= ARGV.following) then return 0 end
redis.call('HDEL', key, 'paused')
redis.call('HSET', key, 'next', ARGV.following)
if ARGV.following ~= '' then redis.call('ZADD', schedule_due_key, ARGV.following, ARGV.name) end
return 1
