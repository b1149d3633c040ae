-- Promote: queue the parked jobs whose time has come, and give up waiting for what did not come in time.
--
-- ARGV: most (jobs to take)
-- Returns: how many were due, `most` at most
-- Atomic. Idempotent. Of what jobs wait for, so many are given up by one call; the rest stays due.
--!include ending

local given_up_left = 500

local function give_up(job)
  local awaited, soonest = redis.call('HGETALL', awaiting_key(job.id)), nil
  for index = 1, #awaited, 2 do
    local target, until_at, otherwise = unpack(cjson.decode(awaited[index + 1]), 2, 4)
    until_at = tonumber(until_at)
    if until_at and until_at <= now and given_up_left > 0 then
      given_up_left = given_up_left - 1
      append(job, 'answered', '{"name":' .. cjson.encode(awaited[index]) .. ',"by":"time-out"}')
      settle(job.id, awaited[index], target, otherwise)
    elseif until_at and until_at < (soonest or until_at + 1) then
      soonest = until_at
    end
  end
  if soonest and redis.call('HGET', job_key(job.id), 'state') == 'waiting' then
    redis.call('ZADD', due_key, whole(soonest), job.id)
  end
end

local ids = redis.call('ZRANGEBYSCORE', due_key, '-inf', whole(now), 'LIMIT', 0, ARGV.most)
for _, id in ipairs(ids) do
  if given_up_left <= 0 then break end
  redis.call('ZREM', due_key, id)
  local job = load_job(id)
  if job and job.state == 'scheduled' then
    leave_parking(job)
    queue_up(job, '')
  end
  if job and job.state == 'waiting' then give_up(job) end
end
dispatch_touched()
return #ids
