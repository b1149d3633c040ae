-- To forget a job: its record and all that belongs to it. An idempotency key that lasts for a time of its own stays.
--!include indexes

local function forget(id)
  redis.call('ZREM', forgetting_key, id) -- first: a job that cannot be forgotten holds up none of those after it
  local field = redis.call('HMGET', job_key(id), 'tenant', 'state', 'idempotency_key', 'idempotency_lasts', 'kind')
  if not field[1] then return end
  local listed = tenant_jobs_key(field[1])
  redis.call('ZREM', listed, id)
  if redis.call('EXISTS', listed) == 0 then
    redis.call('SREM', tenants_key, field[1])
    redis.call('DEL', backlog_key(field[1]))
  end
  unindex_job({id = id, tenant = field[1], kind = field[5]}, field[2])
  if field[2] == 'failed' then redis.call('ZREM', dead_letters_like(redis.call('HGET', job_key(id), 'error')), id) end
  local key = field[3] and field[4] ~= 'ttl' and idempotency_key(field[1], field[3])
  if key and redis.call('GET', key) == id then redis.call('DEL', key) end
  redis.call('DEL', job_key(id), events_key(id), log_key(id), sent_key(id), ledger_key(id), checkpoint_key(id),
    children_key(id), spent_key(id), awaiting_key(id))
  redis.call('ZREM', state_key(field[2]), id)
end
