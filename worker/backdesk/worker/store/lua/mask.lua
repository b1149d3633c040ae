-- Mask: keep the requests of jobs that are over, and that nothing will do again, without what was to be masked in them.
--
-- ARGV: then for each job: id, finished_at (as the record said before its request was read), request (masked, or '' when
--   it stays), messages (that it has taken, masked, or '' when they stay)
-- Returns: how many were masked; one that is gone, or has ended anew, is left as it is
-- Atomic. Idempotent. What would only help to do a job again, and has its request in it, goes.
--!include ending
--!include room

local masked = 0
write_though_full()
for each in items(ARGV) do
  local job = {id = ARGV[each].id}
  local key = job_key(job.id)
  local field = redis.call('HMGET', key, 'finished_at', 'state')
  if field[1] == ARGV[each].finished_at and field[2] ~= 'failed' then
    if ARGV[each].request ~= '' then redis.call('HSET', key, 'request', ARGV[each].request) end
    if ARGV[each].messages ~= '' then redis.call('HSET', key, 'messages', ARGV[each].messages) end
    redis.call('HSET', key, 'masked', 1)
    redis.call('HDEL', key, 'delivery', 'request_blob')
    forget_workings(job)
    if redis.call('EXISTS', events_key(job.id)) == 1 then redis.call('SADD', unpacked_key, job.id) end -- and masked then
    masked = masked + 1
  end
end
return masked
