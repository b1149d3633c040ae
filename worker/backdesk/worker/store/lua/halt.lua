-- Halt: have a job pause as soon as it can, or take that back.
--
-- ARGV: id, pausing (by whom and why, as JSON; '' to take it back)
-- Returns: {1, state, asked} when it is so: `asked` is 1 when it was asked to pause before, and has not yet, else 0; or
--   {0, state, 0} when the job has ended ('' if unknown)
-- Atomic. Idempotent. What runs pauses at its next checkpoint or before its next step, all else when it would begin
-- again: it waits then, and holds no slot. A request to cancel, or of a worker that hands over, stands above it.
--!include record

local job = load_job(ARGV.id)
if not job then return {0, '', 0} end
if not ACTIVE[job.state] then return {0, job.state, 0} end
local asked = redis.call('HEXISTS', job_key(job.id), 'pausing')
local stopping = redis.call('HGET', stopping_key, job.id)
if ARGV.pausing == '' then
  redis.call('HDEL', job_key(job.id), 'pausing')
  if stopping and stopping:match('^pause:') then redis.call('HDEL', stopping_key, job.id) end
else
  redis.call('HSET', job_key(job.id), 'pausing', ARGV.pausing)
  if job.state == 'running' and not stopping then
    redis.call('HSET', stopping_key, job.id, 'pause:' .. ARGV.pausing)
  end
end
return {1, job.state, asked}
