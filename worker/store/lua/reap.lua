-- Reap: take back the jobs whose lease has run out; their worker is dead or stuck.
--
-- ARGV: prefix, now ms or '', idle window, most jobs to take, crashes allowed, retention ms
-- Returns: the ids that were taken back
-- Atomic. Each goes to the front of its tenant's line (it keeps its rank), or fails as poison once it has taken down
-- the allowed number of workers. The next claim raises the fence, so that the lost attempt can write nothing.
--!include record
--!include dispatch

local touched = {}
local ids = redis.call('ZRANGEBYSCORE', leases_key, '-inf', whole(now), 'LIMIT', 0, ARGV[4])
for _, id in ipairs(ids) do
  redis.call('ZREM', leases_key, id)
  local job = load_job(id)
  if job and job.state == 'running' then
    local crashes = redis.call('HINCRBY', job_key(id), 'crashes', 1)
    if crashes >= tonumber(ARGV[5]) then
      local data = '{"code":"poison","message":"its worker was lost ' .. crashes ..
        ' times while running it","category":"unknown"}'
      conclude(job, 'failed', 'error', data, data, tonumber(ARGV[6]))
      tell_sender(job)
    else
      enter(job, 'queued')
      watch_expiry(job)
      append(job, 'retrying', '{"code":"worker_lost","message":"its worker was lost; it runs again","crashes":' ..
        crashes .. '}')
      join_line(job)
    end
    touched[job.queue] = true
  end
end
for queue in pairs(touched) do dispatch(queue, tonumber(ARGV[3])) end
return ids
