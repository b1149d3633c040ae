-- Schedule: keep the definition of a schedule, and plan its first firing.
--
-- ARGV: name, generation, definition (JSON), anchor (moment in ms from which an interval counts), first (moment in ms,
--   or ''), paused (1 to begin so, or ''), replace (1 to replace another definition, or ''), tenant, kind,
--   require_tenant (1 to refuse unknown tenants, or '')
-- Returns: {code, field or ''}: 1 new, 2 replaced, 0 it is there with this very definition, -1 with another one, and that
--   was left alone, -4 nothing done because the field, the tenant or its kind, is not allowed
-- Atomic. Idempotent. What is replaced keeps its counts, and stays paused if it was.
--!include clock
--!include permission

local name, first = ARGV.name, ARGV.first
local key = schedule_key(name)
local former = redis.call('HGET', key, 'generation')
if former == ARGV.generation then return {0, ''} end
if former and ARGV.replace == '' then return {-1, ''} end
local field = forbidden(ARGV.tenant, ARGV.kind, ARGV.require_tenant ~= '')
if field then return {-4, field} end

redis.call('HSET', schedules_key, name, ARGV.definition)
redis.call('HSET', key, 'generation', ARGV.generation, 'anchor', ARGV.anchor, 'next', first)
redis.call('HSETNX', key, 'created_at', whole(now))
redis.call('HDEL', key, 'error')
if ARGV.paused ~= '' then redis.call('HSET', key, 'paused', 1) end
if first ~= '' and redis.call('HEXISTS', key, 'paused') == 0 then
  redis.call('ZADD', schedule_due_key, first, name)
else
  redis.call('ZREM', schedule_due_key, name)
end
return {former and 2 or 1, ''}
