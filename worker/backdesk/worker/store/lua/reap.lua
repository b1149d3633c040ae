-- Reap: take back the jobs whose lease has run out; their worker is dead or stuck.
--
-- ARGV: most (jobs to take), crashes (allowed in a row), longest_ms (between two pulses)
-- Returns: the ids that were taken back
-- Atomic. None is taken as long as its worker may just not have been able to renew its lease. Each goes to the front of
-- its tenant's line (it keeps its rank), or fails as poison once it has taken down the allowed number of workers, or is
-- cancelled if it was asked to stop. The next claim has another fence, so that the lost attempt can write nothing.
--!include ending

local function take_back(job)
  local crashes = redis.call('HINCRBY', job_key(job.id), 'crashes', 1)
  local field = redis.call('HMGET', job_key(job.id), 'stop', 'worker')
  keep_attempt(job, 'lost', '')
  add_attempt(job, 'lost')
  if field[1] then
    end_cancelled(job, field[1])
  elseif crashes >= tonumber(ARGV.crashes) then
    local message = 'its worker was lost ' .. crashes .. ' times while running it, at last ' .. (field[2] or 'unknown')
    local error = failure(job, 'poison', cjson.encode(message), 'unknown', 'critical')
    conclude(job, 'failed', 'error', error, error)
    tell_sender(job)
  else
    withdraw(job)
    enter(job, 'queued')
    watch_limits(job)
    append(job, 'retrying', '{"code":"worker_lost","message":"its worker was lost; it runs again","crashes":' ..
      crashes .. '}')
    stand(job)
  end
end

-- Whether Redis is away for the workers, or was until just now, or its clock was set and no worker has noticed yet.
local function in_grace()
  local field = redis.call('HMGET', pulse_key, 'at', 'grace_until')
  local last, grace_until = tonumber(field[1]), tonumber(field[2] or 0)
  return last and (math.abs(now - last) > tonumber(ARGV.longest_ms) or now < grace_until)
end

if in_grace() then return {} end
local ids = redis.call('ZRANGEBYSCORE', leases_key, '-inf', whole(now), 'LIMIT', 0, ARGV.most)
for _, id in ipairs(ids) do
  redis.call('ZREM', leases_key, id)
  local job = load_job(id)
  if job and job.state == 'running' then take_back(job) end
end
dispatch_touched()
return ids
