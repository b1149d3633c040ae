-- Stop: ask attempts to leave their jobs to another worker, at their next checkpoint or at once.
--
-- ARGV: common, what is asked ('drain' or 'hand_over'), then for each job: job id
-- Returns: how many of the jobs are still running or about to
-- Atomic. Idempotent. A request to cancel stands above it.
--!include keys

local active = 0
for index = 6, #ARGV do
  local id = ARGV[index]
  local state = redis.call('HGET', job_key(id), 'state')
  if state == 'running' or state == 'queued' then
    active = active + 1
    local asked = redis.call('HGET', stopping_key, id)
    if not asked or asked == 'drain' then redis.call('HSET', stopping_key, id, ARGV[5]) end
  end
end
return active
