-- The record of a job, and what can happen to it in several transitions: to change its state, to end, to lapse.
--!include keys
--!include clock
--!include events

-- Returns the fields that a transition needs, or nil when there is no such job.
local function load_job(id)
  local field = redis.call('HMGET', job_key(id), 'state', 'kind', 'tenant', 'queue', 'attempt', 'rank', 'priority')
  if not field[1] then return nil end
  return {id = id, state = field[1], kind = field[2], tenant = field[3], queue = field[4],
    attempt = tonumber(field[5]), rank = field[6], priority = field[7]}
end

local function enter(job, state)
  redis.call('ZREM', state_key(job.state), job.id)
  redis.call('ZADD', state_key(state), whole(now), job.id)
  redis.call('HSET', job_key(job.id), 'state', state)
  job.state = state
end

-- Have a job that is waiting again ended in time, if it has an end of usefulness.
local function watch_expiry(job)
  local expires_at = redis.call('HGET', job_key(job.id), 'expires_at')
  if expires_at then redis.call('ZADD', expiring_key, expires_at, job.id) end
end

-- Take a job out of every place where it runs or waits.
local function withdraw(job)
  redis.call('ZREM', expiring_key, job.id)
  if job.state == 'running' then
    redis.call('ZREM', leases_key, job.id)
  else
    redis.call('ZREM', line_key(job.queue, job.tenant), job.id)
    redis.call('ZREM', window_key(job.queue), job.id)
    redis.call('ZREM', due_key, job.id)
  end
end

-- End a job: terminal state, its `result` or `error`, the terminal event, and a date on which all of it is forgotten.
-- The keys outlive the retention by an hour, so that pruning finds the record and can clean the indexes by it.
local function conclude(job, state, field, value, data, retention_ms)
  withdraw(job)
  enter(job, state)
  redis.call('HSET', job_key(job.id), 'finished_at', whole(now), field, value)
  append(job, state, data)
  local ttl = whole(retention_ms + 3600000)
  redis.call('PEXPIRE', job_key(job.id), ttl)
  redis.call('PEXPIRE', events_key(job.id), ttl)
  local key = redis.call('HGET', job_key(job.id), 'idempotency_key')
  if key then redis.call('PEXPIRE', idempotency_key(job.tenant, key), ttl) end
end

-- End a job that has not begun in time. Returns its error as JSON.
local function lapse(job, retention_ms)
  local data = '{"code":"expired","message":"not started before it expired","category":"timeout"}'
  conclude(job, 'expired', 'error', data, data, retention_ms)
  return data
end
