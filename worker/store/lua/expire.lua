-- Expire: end the jobs whose time of usefulness passed before they began.
--
-- ARGV: prefix, now ms or '', idle window, most jobs to take, retention ms
-- Returns: how many entries were looked at
-- Atomic. Idempotent. A job that is running is left to its attempt.
--!include record
--!include dispatch

local touched = {}
local ids = redis.call('ZRANGEBYSCORE', expiring_key, '-inf', whole(now), 'LIMIT', 0, ARGV[4])
for _, id in ipairs(ids) do
  redis.call('ZREM', expiring_key, id)
  local job = load_job(id)
  if job and (job.state == 'queued' or job.state == 'scheduled') then
    lapse(job, tonumber(ARGV[5]))
    tell_sender(job)
    touched[job.queue] = true
  end
end
for queue in pairs(touched) do dispatch(queue, tonumber(ARGV[3])) end
return #ids
