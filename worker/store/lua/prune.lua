-- Prune: forget the jobs that ended before the retention.
--
-- ARGV: prefix, now ms or '', terminal state, most jobs to take, retention ms
-- Returns: how many were forgotten
-- Atomic. Idempotent.
--!include keys
--!include clock

local index = state_key(ARGV[3])
local ids = redis.call('ZRANGEBYSCORE', index, '-inf', whole(now - tonumber(ARGV[5])), 'LIMIT', 0, ARGV[4])
for _, id in ipairs(ids) do
  local field = redis.call('HMGET', job_key(id), 'tenant', 'idempotency_key')
  if field[1] then
    redis.call('ZREM', tenant_jobs_key(field[1]), id)
    if field[2] then redis.call('DEL', idempotency_key(field[1], field[2])) end
  end
  redis.call('DEL', job_key(id), events_key(id))
  redis.call('ZREM', index, id)
end
return #ids
