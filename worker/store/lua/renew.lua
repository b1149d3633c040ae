-- Renew: prolong the leases of all attempts of one process, and learn who is being watched.
--
-- ARGV: common, lease ms, then for each attempt: job id, attempt
-- Returns: for each attempt the number of its subscribers, or -1 when it has lost its fence
-- Atomic. Idempotent. An expired lease that nobody has reaped yet is prolonged: the attempt is alive.
--!include keys
--!include clock

local lease_ms = tonumber(ARGV[5])
local replies = {}
for index = 6, #ARGV - 1, 2 do
  local id, attempt = ARGV[index], ARGV[index + 1]
  local field = redis.call('HMGET', job_key(id), 'state', 'attempt', 'tenant')
  if field[1] == 'running' and field[2] == attempt then
    redis.call('ZADD', leases_key, whole(now + lease_ms), id)
    local heard = redis.call('PUBSUB', 'NUMSUB', progress_channel(id), tenant_channel(field[3]))
    replies[#replies + 1] = heard[2] + heard[4]
  else
    replies[#replies + 1] = -1
  end
end
return replies
