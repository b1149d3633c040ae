-- Promote: queue the parked jobs whose time has come.
--
-- ARGV: prefix, now ms or '', idle window, most jobs to take
-- Returns: how many were queued
-- Atomic. Idempotent.
--!include record
--!include dispatch

local touched = {}
local ids = redis.call('ZRANGEBYSCORE', due_key, '-inf', whole(now), 'LIMIT', 0, ARGV[4])
for _, id in ipairs(ids) do
  redis.call('ZREM', due_key, id)
  local job = load_job(id)
  if job and job.state == 'scheduled' then
    enter(job, 'queued')
    append(job, 'queued', '{"queue":"' .. job.queue .. '","priority":' .. job.priority .. '}')
    join_line(job)
    touched[job.queue] = true
  end
end
for queue in pairs(touched) do dispatch(queue, tonumber(ARGV[3])) end
return #ids
