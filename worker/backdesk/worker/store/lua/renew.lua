-- Renew: prolong the leases of all attempts of one process, and learn who is being watched.
--
-- ARGV: lease_ms, then for each attempt: id, fence
-- Returns: for each attempt how many follow its job, or -1 when it has lost its fence
-- Atomic. Idempotent. An expired lease that nobody has reaped yet is prolonged: the attempt is alive. What an attempt
-- costs beyond what was paid for it is paid as it goes.
--!include dispatch
--!include room

local lease_ms = tonumber(ARGV.lease_ms)
write_though_full()

local function pay_on(id, place, prepaid_ms, lasted, slots)
  local seconds, before = seconds_of(lasted)
  local paid = math.max(prepaid_ms / 1000, before * slots)
  if seconds * slots > paid then pay(place, seconds * slots - paid) end
  redis.call('HSET', job_key(id), 'lasted', whole(now) .. ' ' .. exact(seconds))
end

local replies = {}
for each in items(ARGV) do
  local id = ARGV[each].id
  local field = redis.call('HMGET', job_key(id), 'state', 'fence', 'queue', 'tenant', 'kind', 'prepaid', 'lasted', 'taken')
  if field[1] == 'running' and field[2] == ARGV[each].fence then
    redis.call('ZADD', leases_key, whole(now + lease_ms), id)
    pay_on(id, place_of(field[3], field[4], field[5]), tonumber(field[6] or 0), field[7],
      tonumber(field[8] or 1))
    replies[#replies + 1] = subscribers_of(progress_channel(id))
  else
    replies[#replies + 1] = -1
  end
end
return replies
