-- To forget a job: its record and all that belongs to it.
--!include keys

local function forget_in_index(tenant, id)
  redis.call('ZREM', tenant_jobs_key(tenant), id)
  if redis.call('EXISTS', tenant_jobs_key(tenant)) == 0 then redis.call('SREM', tenants_key, tenant) end
end

local function forget(id, state)
  local field = redis.call('HMGET', job_key(id), 'tenant', 'idempotency_key')
  if field[1] then
    forget_in_index(field[1], id)
    local key = field[2] and idempotency_key(field[1], field[2])
    if key and redis.call('GET', key) == id then redis.call('DEL', key) end
  else
    -- The record has expired by itself: no worker was alive for long. Whose job it was is no longer known.
    for _, tenant in ipairs(redis.call('SMEMBERS', tenants_key)) do forget_in_index(tenant, id) end
  end
  redis.call('DEL', job_key(id), events_key(id), ledger_key(id), checkpoint_key(id), children_key(id), spent_key(id))
  redis.call('ZREM', state_key(state), id)
end
