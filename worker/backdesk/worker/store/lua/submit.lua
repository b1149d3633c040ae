-- Submit: write new jobs and queue or park each. A job that is already there is found again, never written twice.
--
-- ARGV: common, ageing of a priority in ms, 1 to refuse unknown tenants or '', then for each job 25 values: id, kind,
--   tenant, queue, priority 0-9 or '', request JSON, fingerprint, idempotency key or '', run-at ms or '',
--   expires-at ms or '', metadata JSON or '', Celery message or '', start-by ms or '', time-out of an attempt in ms or '',
--   retry policy JSON or '', parent or '', its attempt or '', its key for this job or '', origin or '', 1 to take over what
--   the origin has finished or '', conversation or '', what to do while it goes on (enqueue reject interrupt), ms for which
--   the idempotency key lasts or '', 1 when it lasts while the job goes on or '', budget JSON or
--   ''
-- Returns: for each job {code, id}: 1 created, 0 existing with the same fingerprint, -1 existing with another,
--   -2 not written because the parent's attempt has lost its fence, -3 because its conversation goes on with that job;
--   or {-4, field} when the tenant, or its kind, is not allowed
-- Atomic for all jobs of one call. Idempotent: the same id and fingerprint again change nothing.
--!include ending
--!include permission

local FIELDS = 25
local OPTIONAL = {[8] = 'idempotency_key', [9] = 'run_at', [10] = 'expires_at', [11] = 'metadata', [12] = 'delivery',
  [13] = 'start_by', [14] = 'timeout_ms', [15] = 'retry', [16] = 'parent', [18] = 'parent_key', [19] = 'origin',
  [21] = 'conversation', [25] = 'budget'}
local USUAL_PRIORITY = 5
local ageing_us, tenants_must_be_known = tonumber(ARGV[5]) * 1000, ARGV[6] ~= ''
local replies = {}

-- What to answer of a job that is there; nil when it is not.
local function found(id, fingerprint)
  local its = redis.call('HGET', job_key(id), 'fingerprint')
  return its and {its == fingerprint and 0 or -1, id}
end

local function existing(id, tenant, key, fingerprint)
  local same = found(id, fingerprint)
  if same or key == '' then return same end
  local other = redis.call('GET', idempotency_key(tenant, key))
  return other and found(other, fingerprint)
end

-- Each job arrives at a µs of its own, never before the one before it, whatever the clock does. A priority is worth a
-- time: a job is overtaken only by those of a higher priority that arrive within that.
local newest
local function rank_of(priority)
  newest = math.max(now_us, (newest or tonumber(redis.call('GET', arrivals_key) or 0)) + 1)
  return whole(newest + (9 - priority) * ageing_us)
end

local function write(job, base)
  job.priority = tonumber(job.priority) or tonumber(settings_of(job.tenant).priority) or USUAL_PRIORITY
  job.rank = rank_of(job.priority)
  local fields = {'kind', job.kind, 'tenant', job.tenant, 'queue', job.queue, 'state', job.state,
    'priority', job.priority, 'rank', job.rank, 'attempt', 0, 'request', ARGV[base + 6],
    'fingerprint', ARGV[base + 7], 'created_at', whole(now)}
  for offset, name in pairs(OPTIONAL) do
    if ARGV[base + offset] ~= '' then
      fields[#fields + 1] = name
      fields[#fields + 1] = ARGV[base + offset]
    end
  end
  redis.call('HSET', job_key(job.id), unpack(fields))
  redis.call('ZADD', state_key(job.state), whole(now), job.id)
  redis.call('ZADD', tenant_jobs_key(job.tenant), whole(now), job.id)
  redis.call('SADD', tenants_key, job.tenant)
end

-- An idempotency key lasts as long as its job, unless it is to last for a time, or only while the job goes on.
local function keep_key(job, base)
  local key, ttl, while_active = ARGV[base + 8], ARGV[base + 23], ARGV[base + 24]
  if key == '' then return end
  local name = idempotency_key(job.tenant, key)
  if ttl ~= '' then redis.call('SET', name, job.id, 'PX', ttl) else redis.call('SET', name, job.id) end
  local lasts = while_active ~= '' and 'active' or ttl ~= '' and 'ttl'
  if lasts then redis.call('HSET', job_key(job.id), 'idempotency_lasts', lasts) end
end

-- Make way for a job in its conversation. Returns the job that goes on there instead, if it may not come now.
local function make_way(job, choice)
  if not job.conversation or choice == 'enqueue' then return nil end
  local conversation = conversation_key(job.tenant, job.conversation)
  if choice == 'reject' then return redis.call('ZRANGE', conversation, 0, 0)[1] end
  -- The newest first, so that none of them gets its turn meanwhile.
  for _, id in ipairs(redis.call('ZREVRANGE', conversation, 0, -1)) do
    local other = load_job(id)
    if other and ACTIVE[other.state] then cancel(other, '"interrupted by a newer message of its conversation"') end
  end
end

local function join_family(job, parent)
  redis.call('SADD', children_key(parent), job.id)
  redis.call('HSET', job_key(parent), 'remembers', 1)
end

-- Take over what the origin of a replay has finished. Its copies must not die with it. A child that came to nothing is
-- called anew: its end may well be what the origin failed of.
local function follow(job, origin, resumes)
  if redis.call('EXISTS', job_key(origin)) == 0 then return end
  redis.call('HSET', job_key(origin), 'replayed_as', job.id)
  if resumes == '' then return end
  for _, of_job in ipairs({ledger_key, checkpoint_key}) do
    redis.call('COPY', of_job(origin), of_job(job.id))
    redis.call('PERSIST', of_job(job.id))
  end
  for _, name in ipairs(redis.call('HKEYS', ledger_key(job.id))) do
    local entry = redis.call('HGET', ledger_key(job.id), name)
    local ended_well = entry:find('^{"state":"done","value":{"job_id":"[^"]*","state":"succeeded"')
    if name:sub(1, 5) == 'call:' and not ended_well then redis.call('HDEL', ledger_key(job.id), name) end
  end
  redis.call('HSET', job_key(job.id), 'remembers', 1, 'root', redis.call('HGET', job_key(origin), 'root') or origin)
end

local function create(base)
  local run_at, parent, origin = tonumber(ARGV[base + 9]), ARGV[base + 16], ARGV[base + 19]
  if parent ~= '' and not holds(load_job(parent), ARGV[base + 17]) then return {-2, ''} end
  local parked = run_at and run_at > now
  local job = {id = ARGV[base + 1], kind = ARGV[base + 2], tenant = ARGV[base + 3], queue = ARGV[base + 4],
    priority = ARGV[base + 5], attempt = 0, state = parked and 'scheduled' or 'queued',
    conversation = ARGV[base + 21] ~= '' and ARGV[base + 21], expires_at = tonumber(ARGV[base + 10]),
    start_by = tonumber(ARGV[base + 13])}
  local field = forbidden(job.tenant, job.kind, tenants_must_be_known)
  if field then return {-4, field} end
  local busy = make_way(job, ARGV[base + 22])
  if busy then return {-3, busy} end
  write(job, base)
  keep_key(job, base)
  if parent ~= '' then join_family(job, parent) end
  if origin ~= '' then follow(job, origin, ARGV[base + 20]) end
  watch_limits(job)
  if parked then
    redis.call('ZADD', due_key, whole(run_at), job.id)
    append(job, 'scheduled', '{"run_at":"' .. iso(run_at) .. '"}')
  else
    append(job, 'queued', '{"queue":"' .. job.queue .. '","priority":' .. job.priority .. '}')
    stand(job)
  end
  return {1, job.id}
end

for base = 6, #ARGV - FIELDS, FIELDS do
  local known = existing(ARGV[base + 1], ARGV[base + 3], ARGV[base + 8], ARGV[base + 7])
  replies[#replies + 1] = known or create(base)
end
if newest then redis.call('SET', arrivals_key, whole(newest)) end
dispatch_touched()
return replies
