-- Prune: forget the jobs that ended before the retention.
--
-- ARGV: prefix, now ms or '', terminal state, most jobs to take, retention ms
-- Returns: how many were forgotten
-- Atomic. Idempotent.
--!include keys
--!include clock

local index = state_key(ARGV[3])
local ids = redis.call('ZRANGEBYSCORE', index, '-inf', whole(now - tonumber(ARGV[5])), 'LIMIT', 0, ARGV[4])

local function forget_in_index(tenant, id)
  redis.call('ZREM', tenant_jobs_key(tenant), id)
  if redis.call('EXISTS', tenant_jobs_key(tenant)) == 0 then redis.call('SREM', tenants_key, tenant) end
end

for _, id in ipairs(ids) do
  local field = redis.call('HMGET', job_key(id), 'tenant', 'idempotency_key')
  if field[1] then
    forget_in_index(field[1], id)
    if field[2] then redis.call('DEL', idempotency_key(field[1], field[2])) end
  else
    -- The record has expired by itself: no worker was alive for long. Whose job it was is no longer known.
    for _, tenant in ipairs(redis.call('SMEMBERS', tenants_key)) do forget_in_index(tenant, id) end
  end
  redis.call('DEL', job_key(id), events_key(id))
  redis.call('ZREM', index, id)
end
return #ids
