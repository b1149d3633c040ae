-- Audit: count anew what some of the tenants have that has not ended, and put right what is wrong.
--
-- ARGV: most (jobs to look at, about)
-- Returns: for each tenant whose counts were wrong: {tenant, jobs, bytes} as they are now
-- Atomic, each part. A tenant with many jobs is counted in parts, by when they were created; what has been come to and
-- ends meanwhile is taken off again, so that a difference that is left is an error. Which tenants is left to chance.
--!include record
--!include room

local MOST_AT_ONCE = 2000
local left, wrong = tonumber(ARGV.most), {}

local function add_up(members, has)
  for index = 1, #members, 2 do
    local field = redis.call('HMGET', job_key(members[index]), 'state', 'bytes')
    if field[1] and ACTIVE[field[1]] and field[2] then has.jobs, has.bytes = has.jobs + 1, has.bytes + field[2] end
  end
  left = left - #members / 2
end

local function conclude_audit(tenant, key, has)
  local field = redis.call('HMGET', key, 'jobs', 'bytes')
  redis.call('HDEL', key, 'seen_to', 'seen_at', 'seen_jobs', 'seen_bytes')
  if (tonumber(field[1]) or 0) == has.jobs and (tonumber(field[2]) or 0) == has.bytes then return end
  if has.jobs == 0 then redis.call('DEL', key)
  else redis.call('HSET', key, 'jobs', has.jobs, 'bytes', whole(has.bytes)) end
  wrong[#wrong + 1] = {tenant, has.jobs, whole(has.bytes)}
  redis.call('HINCRBY', sweep_key, 'repaired count of what a tenant has', 1)
  redis.call('HSET', sweep_key, 'repaired_at', whole(now))
end

-- Returns whether the tenant has been counted to its end.
local function audit(tenant)
  local key, jobs = backlog_key(tenant), tenant_jobs_key(tenant)
  local field = redis.call('HMGET', key, 'seen_to', 'seen_at', 'seen_jobs', 'seen_bytes')
  local has, from = {jobs = tonumber(field[3]) or 0, bytes = tonumber(field[4]) or 0}, field[1] and '(' .. field[1] or '-inf'
  if field[2] and tonumber(field[2]) > now then has, from = {jobs = 0, bytes = 0}, '-inf' end -- the clock was put back
  -- Not those of this very ms, of which there may be more to come.
  local part = redis.call('ZRANGEBYSCORE', jobs, from, '(' .. whole(now), 'WITHSCORES', 'LIMIT', 0, ARGV.most)
  if #part / 2 < tonumber(ARGV.most) then
    local rest = redis.call('ZRANGEBYSCORE', jobs, from, '+inf', 'WITHSCORES', 'LIMIT', 0, MOST_AT_ONCE)
    if #rest / 2 < MOST_AT_ONCE then
      add_up(rest, has)
      conclude_audit(tenant, key, has)
    else -- the clock was put back: not before it has come past those
      redis.call('HDEL', key, 'seen_to', 'seen_at', 'seen_jobs', 'seen_bytes')
    end
    return true
  end
  local last = part[#part]
  add_up(redis.call('ZRANGEBYSCORE', jobs, from, last, 'WITHSCORES'), has)
  redis.call('HSET', key, 'seen_to', last, 'seen_at', whole(now), 'seen_jobs', has.jobs, 'seen_bytes', whole(has.bytes))
  return false
end

write_though_full()
local tenant = redis.call('HGET', sweep_key, 'audited') or redis.call('SRANDMEMBER', tenants_key)
while tenant and left > 0 do
  left = left - 1
  tenant = not audit(tenant) and tenant or (left > 0 and redis.call('SRANDMEMBER', tenants_key) or nil)
  if left <= 0 then break end
end
if tenant then redis.call('HSET', sweep_key, 'audited', tenant) else redis.call('HDEL', sweep_key, 'audited') end
return wrong
