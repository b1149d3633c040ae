-- Renew: prolong the leases of all attempts of one process, and learn who is being watched.
--
-- ARGV: common, lease ms, then for each attempt: job id, attempt
-- Returns: for each attempt the number of its subscribers, or -1 when it has lost its fence
-- Atomic. Idempotent. What an attempt costs beyond what was paid for it is paid as it goes. An expired lease that nobody has reaped yet is prolonged: the attempt is alive.
--!include dispatch

local lease_ms = tonumber(ARGV[5])

local function pay_on(id, field)
  local seconds, paid = seconds_of(field[6], field[7]), tonumber(field[7] or 0)
  if seconds <= paid then return end
  pay(field[4], field[3], field[5], seconds - paid)
  redis.call('HSET', job_key(id), 'paid', seconds)
end

local replies = {}
for index = 6, #ARGV - 1, 2 do
  local id, attempt = ARGV[index], ARGV[index + 1]
  local field = redis.call('HMGET', job_key(id), 'state', 'attempt', 'tenant', 'queue', 'kind',
    'started_at', 'paid')
  if field[1] == 'running' and field[2] == attempt then
    redis.call('ZADD', leases_key, whole(now + lease_ms), id)
    pay_on(id, field)
    local heard = redis.call('PUBSUB', 'NUMSUB', progress_channel(id), tenant_channel(field[3]))
    replies[#replies + 1] = heard[2] + heard[4]
  else
    replies[#replies + 1] = -1
  end
end
return replies
