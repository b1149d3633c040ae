-- Relist: see to it that some of the jobs that have ended are in the indexes by which they are found, and are forgotten.
--
-- ARGV: most (jobs to look at, about)
-- Returns: how many were missing in one, were in one where they do not belong, or were never to be forgotten
-- Atomic. Idempotent. It goes on where the last call ended; where that was is kept. Those of before there was an index
-- come into it by this, and those whose end was broken off amid its writes.
--!include ending
--!include room

local ROUND = {'failed', 'cancelled', 'expired', 'succeeded', 'steered'}
local mended = 0

local function indexes_of(job)
  local keys = {jobs_of_kind_key(job.kind, job.state), jobs_of_tenant_key(job.tenant, job.state)}
  if job.state == 'failed' then keys[3] = dead_letters_like(redis.call('HGET', job_key(job.id), 'error')) end
  return keys
end

local function look_at(id, entered_at, state)
  local field = redis.call('HMGET', job_key(id), 'state', 'kind', 'tenant', 'kept_ms')
  local job, missing = {id = id, state = field[1], kind = field[2], tenant = field[3]}, false
  if job.state ~= state then
    if job.state then unindex_job(job, state) end
    redis.call('ZREM', state_key(state), id)
    mended = mended + 1
    return
  end
  for _, key in ipairs(indexes_of(job)) do
    missing = redis.call('ZADD', key, 'NX', entered_at, id) == 1 or missing
  end
  local forgotten_at = entered_at + retention(state, tonumber(field[4]))
  missing = redis.call('ZADD', forgetting_key, 'NX', whole(forgotten_at), id) == 1 or missing
  if missing then mended = mended + 1 end
end

write_though_full()
local reached = redis.call('HMGET', sweep_key, 'relisted', 'relisted_to')
local number = tonumber(reached[1]) or 1
local found = redis.call('ZSCAN', state_key(ROUND[number]), reached[2] or '0', 'COUNT', ARGV.most)
local state = ROUND[number]
if found[1] == '0' then number = number % #ROUND + 1 end
-- Ahead: a job that cannot be looked at, as its record is none, holds up none of those after it.
redis.call('HSET', sweep_key, 'relisted', number, 'relisted_to', found[1])
for index = 1, #found[2], 2 do look_at(found[2][index], found[2][index + 1], state) end
return mended
