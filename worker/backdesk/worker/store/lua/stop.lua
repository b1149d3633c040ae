-- Stop: ask attempts on one worker to leave their jobs to another, at their next checkpoint or at once.
--
-- ARGV: worker, ask ('drain' or 'hand_over'), then for each job: id
-- Returns: how many of the jobs run on this worker
-- Atomic. Idempotent. A request to cancel stands above it; one to pause is the next attempt's.
--!include keys

local running = 0
for each in items(ARGV) do
  local id = ARGV[each].id
  local field = redis.call('HMGET', job_key(id), 'state', 'worker')
  if field[1] == 'running' and field[2] == ARGV.worker then
    running = running + 1
    local asked = redis.call('HGET', stopping_key, id)
    if not asked or asked == 'drain' or asked:match('^pause:') then redis.call('HSET', stopping_key, id, ARGV.ask) end
  end
end
return running
