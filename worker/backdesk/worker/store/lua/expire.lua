-- Expire: end the jobs that have reached a time limit: to have begun, to be done, or to stop when asked.
--
-- ARGV: most (jobs to take)
-- Returns: how many were looked at
-- Atomic. Idempotent. A running job is ended here only when its attempt did not end it in time.
--!include ending

local ids = redis.call('ZRANGEBYSCORE', expiring_key, '-inf', whole(now), 'LIMIT', 0, ARGV.most)
for _, id in ipairs(ids) do
  redis.call('ZREM', expiring_key, id)
  local job = load_job(id)
  if job and ACTIVE[job.state] then
    local limit, code = next_limit(job)
    if not limit or limit > now then
      watch_limits(job)
    elseif code == 'cancelled' then
      end_cancelled(job, redis.call('HGET', job_key(id), 'stop'))
    else
      lapse(job, code)
      tell_sender(job)
    end
  end
end
dispatch_touched()
return #ids
