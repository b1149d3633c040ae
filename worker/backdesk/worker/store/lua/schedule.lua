-- Schedule: keep the definition of a schedule, and plan its first firing.
--
-- ARGV: common, name, generation, definition JSON, moment in ms from which an interval counts, first moment in ms or '',
--   1 to begin paused or '', 1 to replace another definition or '', tenant, kind, 1 to refuse unknown tenants or ''
-- Returns: {code, field or ''}: 1 new, 2 replaced, 0 it is there with this very definition, -1 with another one, and that
--   was left alone, -4 nothing done because the field, the tenant or its kind, is not allowed
-- Atomic. Idempotent. What is replaced keeps its counts, and stays paused if it was.
--!include clock
--!include permission

local name, first = ARGV[5], ARGV[9]
local key = schedule_key(name)
local former = redis.call('HGET', key, 'generation')
if former == ARGV[6] then return {0, ''} end
if former and ARGV[11] == '' then return {-1, ''} end
local field = forbidden(ARGV[12], ARGV[13], ARGV[14] ~= '')
if field then return {-4, field} end

redis.call('HSET', schedules_key, name, ARGV[7])
redis.call('HSET', key, 'generation', ARGV[6], 'anchor', ARGV[8], 'next', first)
redis.call('HSETNX', key, 'created_at', whole(now))
redis.call('HDEL', key, 'error')
if ARGV[10] ~= '' then redis.call('HSET', key, 'paused', 1) end
if first ~= '' and redis.call('HEXISTS', key, 'paused') == 0 then
  redis.call('ZADD', schedule_due_key, first, name)
else
  redis.call('ZREM', schedule_due_key, name)
end
return {former and 2 or 1, ''}
