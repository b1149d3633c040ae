-- The record of a job, and what several transitions do to it: change its state, queue it, end an attempt at it.
--!include keys
--!include clock
--!include events
--!include indexes
--!include dispatch

local ACTIVE = {scheduled = true, queued = true, running = true, waiting = true}
-- How long an attempt may take to stop before its job ends without it, in ms.
local STOP_GRACE_MS = 10000
-- What is kept of a job's former attempts, in bytes.
local LONGEST_PAST = 65536

-- Returns the fields that a transition needs, or nil when there is no such job.
local function load_job(id)
  local field = redis.call('HMGET', job_key(id), 'state', 'kind', 'tenant', 'queue', 'attempt', 'rank', 'priority',
    'conversation', 'rated', 'expires_at', 'start_by', 'stop_by', 'prepaid', 'lasted', 'parked', 'fence', 'recounted',
    'parent', 'stranded', 'taken', 'slots')
  if not field[1] then return nil end
  return {id = id, state = field[1], kind = field[2], tenant = field[3], queue = field[4],
    attempt = tonumber(field[5]), rank = field[6], priority = field[7], conversation = field[8], rated = field[9],
    expires_at = tonumber(field[10]), start_by = tonumber(field[11]), stop_by = tonumber(field[12]),
    paid_ms = field[13], lasted = field[14], parked = field[15], fence = field[16], recounted = field[17],
    parent = field[18], stranded = field[19], taken = tonumber(field[20]), slots = field[21]}
end

-- Enter a state; the rest are fields and values to write with it.
local function enter(job, state, ...)
  -- In this order: wherever a script is ended, some list still has the job, and the sweep finds it there.
  redis.call('ZADD', state_key(state), whole(now), job.id)
  index_job(job, state, whole(now))
  redis.call('HSET', job_key(job.id), 'state', state, ...)
  if state ~= job.state then
    unindex_job(job, job.state)
    redis.call('ZREM', state_key(job.state), job.id)
  end
  job.state = state
end

-- An error as backdesk.worker.failure.Failure reads it, its reference after backdesk.worker.failure.support_reference. `message` is a
-- JSON string.
--!rare
local function failure(job, code, message, category, severity)
  local reference = 'BD-' .. redis.sha1hex(job.id .. ':' .. job.attempt):sub(1, 8):upper()
  return '{"code":"' .. code .. '","message":' .. message .. ',"category":"' .. category ..
    '","severity":"' .. severity .. '","transient":false,"reference":"' .. reference .. '"}'
end

-- When the maintenance has to look at a job because of a time limit, and which limit that is; nil when there is none.
local function next_limit(job)
  local expires_at, start_by, stop_by = job.expires_at, job.start_by, job.stop_by
  if job.state == 'running' then
    -- The worker itself ends an attempt in time; this is for one that cannot.
    expires_at = expires_at and expires_at + STOP_GRACE_MS
    if stop_by and stop_by <= (expires_at or stop_by) then return stop_by, 'cancelled' end
  elseif start_by and job.attempt == 0 and start_by <= (expires_at or start_by) then
    return start_by, 'not_started'
  end
  return expires_at, 'expired'
end

local function watch_limits(job)
  local moment = next_limit(job)
  if moment then redis.call('ZADD', expiring_key, whole(moment), job.id) end
end

-- Give a job its turn in its conversation, if it has none yet. Returns whether it is the first.
--!rare
local function is_first(job)
  local conversation = conversation_key(job.tenant, job.conversation)
  if not redis.call('ZSCORE', conversation, job.id) then
    local last = redis.call('ZRANGE', conversation, -1, -1, 'WITHSCORES')
    redis.call('ZADD', conversation, (last[2] or 0) + 1, job.id)
  end
  return redis.call('ZRANGE', conversation, 0, 0)[1] == job.id
end

-- Put a job into its line, when those of its conversation that came before it have ended.
local function stand(job)
  if not job.conversation or is_first(job) then join_line(job) end
end

-- Queue a job, wherever it was; `reason` says why it is back, '' when it is new.
local function queue_up(job, reason)
  enter(job, 'queued')
  watch_limits(job)
  append(job, 'queued', '{"queue":"' .. job.queue .. '","priority":' .. job.priority ..
    (reason ~= '' and ',"reason":"' .. reason .. '"' or '') .. '}')
  stand(job)
end

-- Out of the line in which a job waits for the limit of a service, if it does.
--!rare
local function leave_parking(job)
  if not job.parked then return end
  redis.call('ZREM', parked_key(job.parked), job.id)
  redis.call('HDEL', job_key(job.id), 'parked')
end

-- No longer among the jobs that workers have passed on, if it is.
--!rare
local function leave_stranded(job)
  if not job.stranded then return end
  redis.call('ZREM', stranded_key(job.stranded), job.id)
  redis.call('HDEL', job_key(job.id), 'stranded')
end

-- Take a job out of every place where it runs or waits.
local function withdraw(job)
  if job.expires_at or job.start_by or job.stop_by then redis.call('ZREM', expiring_key, job.id) end
  redis.call('HDEL', stopping_key, job.id)
  touched[job.queue] = true
  if job.state == 'running' then
    redis.call('ZREM', leases_key, job.id)
    charge(job)
    return
  end
  leave_line(job)
  leave_stranded(job)
  redis.call('ZREM', due_key, job.id)
  leave_parking(job)
  undeliver(job)
end

-- Keep how an attempt ended that was not its job's last; `error` is JSON or ''.
--!rare
local function keep_attempt(job, outcome, error)
  local key = job_key(job.id)
  if redis.call('HSTRLEN', key, 'past') > LONGEST_PAST then return end
  local field = redis.call('HMGET', key, 'past', 'worker', 'started_at')
  local entry = '{"attempt":' .. job.attempt .. ',"worker":' .. cjson.encode(field[2] or '') ..
    ',"started_at":' .. (field[3] or 'null') .. ',"ended_at":' .. whole(now) .. ',"outcome":"' .. outcome .. '"' ..
    (error ~= '' and ',"error":' .. error or '') .. '}'
  redis.call('HSET', key, 'past', field[1] and field[1] .. ',' .. entry or entry)
end

-- Whether this attempt holds the fence of a running job. Repeated after a lost answer, `left` says that it has left it, and
-- no other attempt has begun since.
local function holds(job, fence)
  if not job then return false, false end
  if job.state == 'running' then return job.fence == fence, false end
  return false, redis.call('HGET', job_key(job.id), 'left_by') == fence
end
