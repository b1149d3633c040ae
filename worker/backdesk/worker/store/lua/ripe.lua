-- Ripe: read the schedules whose moment has come, the longest overdue first.
--
-- ARGV: most (schedules to read)
-- Returns: the time in ms, then for each schedule {name, definition JSON, generation, moment from which an interval
--   counts, next moment}
-- Atomic. Idempotent: it only reads.
--!include keys
--!include clock

local found = {whole(now)}
for _, name in ipairs(redis.call('ZRANGEBYSCORE', schedule_due_key, '-inf', whole(now), 'LIMIT', 0, ARGV.most)) do
  local field = redis.call('HMGET', schedule_key(name), 'generation', 'anchor', 'next')
  found[#found + 1] = {name, redis.call('HGET', schedules_key, name), field[1], field[2], field[3]}
end
return found
