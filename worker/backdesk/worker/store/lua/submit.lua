-- Submit: write new jobs and queue or park each. A job that is already there is found again, never written twice.
--
-- ARGV: ageing_ms (of a priority), require_tenant (1 to refuse unknown tenants, or ''), max_jobs, max_bytes (of a tenant
--   that has no such setting), max_blob_bytes (of any tenant), then for each job: id, kind,
--   tenant, queue, priority (0-9 or ''), request (JSON), fingerprint, idempotency_key (or ''), run_at_ms (a moment, or
--   +ms from now, or ''), expires_at_ms (as that), metadata (JSON or ''), delivery (Celery message or ''), start_by_ms (as that), timeout_ms (of
--   an attempt, or ''), retry (policy JSON or ''), parent (or ''), parent_fence (or ''), parent_key (its key for
--   this job, or ''), origin (or ''), resumes (1 to take over what the origin has finished; or JSON, to take over its
--   ledger but for the entries `without`, those of `with` in place of its own, and no checkpoint; or ''), conversation
--   (or ''), when_busy (enqueue reject interrupt steer: what to do while it goes on), idempotency_ttl_ms (for which the key
--   lasts, or ''), idempotency_while_active (1 when it lasts while the job goes on, or ''), budget (JSON or ''), slots (that it takes, or '' for
--   those of its kind), request_blob (reference of its request, which then is null; or ''), blob_bytes (of that, or ''),
--   traceparent (the trace context of the submit, or '')
-- Returns: for each job {code, id}: 1 created, 0 existing with the same fingerprint, -1 existing with another, 2 not
--   written because the key belongs to a job that has ended and is forgotten,
--   -2 not written because the parent's attempt has lost its fence, -3 because its conversation goes on with that job;
--   or {-4, field} when the tenant, or its kind, is not allowed; {-5, levels} when jobs call each other so deep;
--   {-6, 'setting has may'} when the tenant has too much already: what it has and what it may have by that setting;
--   {-7, 'used limit'} when Redis is nearly full, in bytes
-- Atomic for all jobs of one call. Idempotent: the same id and fingerprint again change nothing.
--!include ending
--!include permission
--!include quota
--!include backlog

local USUAL_PRIORITY = 5
local MOST_LEVELS = 32 -- of jobs that call each other, the first one included
local ageing_us, tenants_must_be_known = tonumber(ARGV.ageing_ms) * 1000, ARGV.require_tenant ~= ''
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
  -- A key that lasts for a time of its own may outlive its job, which then has ended.
  return other and (found(other, fingerprint) or {2, other})
end

-- Each job arrives at a µs of its own, never before the one before it, whatever the clock does. A priority is worth a
-- time: a job is overtaken only by those of a higher priority that arrive within that.
local newest
local function rank_of(priority)
  newest = math.max(now_us, (newest or tonumber(redis.call('GET', arrivals_key) or 0)) + 1)
  return whole(newest + (9 - priority) * ageing_us)
end

-- A moment as it was given, or by the clock here where a time from now was given: that of who asks may be wrong.
local function moment_of(given)
  local ms = tonumber(given)
  return ms and given:sub(1, 1) == '+' and now + ms or ms
end

local function stated(moment) return moment and whole(moment) or '' end

-- What keeps a job from being taken, as an answer, if something does. A child is needed for its parent to end, and a
-- delivery tells of what has happened already.
local full = redis.call('GET', full_key)
local function refusal(job)
  if job.parent ~= '' and job.depth > MOST_LEVELS then return {-5, whole(MOST_LEVELS)} end
  local field = forbidden(job.tenant, job.kind, tenants_must_be_known)
  if field and not is_delivery(job.kind) then return {-4, field} end
  if full then return {-7, full} end
  if job.parent ~= '' or is_delivery(job.kind) then return nil end
  local over = over_quota(job.tenant, job.bytes, ARGV.max_jobs, ARGV.max_bytes) or
    job.blob_bytes and over_blobs(job.tenant, job.blob_bytes, ARGV.max_blob_bytes)
  return over and {-6, over}
end

local function write(job, each)
  job.priority = tonumber(job.priority) or tonumber(settings_of(job.tenant).priority) or USUAL_PRIORITY
  job.rank = rank_of(job.priority)
  local fields = {'kind', job.kind, 'tenant', job.tenant, 'queue', job.queue, 'state', job.state,
    'priority', job.priority, 'rank', job.rank, 'attempt', 0, 'request', ARGV[each].request,
    'fingerprint', ARGV[each].fingerprint, 'created_at', whole(now), 'bytes', job.bytes}
  local given = {'idempotency_key', ARGV[each].idempotency_key, 'run_at', stated(job.run_at),
    'expires_at', stated(job.expires_at), 'metadata', ARGV[each].metadata, 'delivery', ARGV[each].delivery,
    'start_by', stated(job.start_by), 'timeout_ms', ARGV[each].timeout_ms, 'retry', ARGV[each].retry,
    'parent', ARGV[each].parent, 'parent_key', ARGV[each].parent_key, 'origin', ARGV[each].origin,
    'conversation', ARGV[each].conversation, 'budget', ARGV[each].budget, 'slots', ARGV[each].slots, 'depth', job.depth,
    'request_blob', ARGV[each].request_blob, 'traceparent', ARGV[each].traceparent}
  for index = 2, #given, 2 do
    if given[index] ~= '' then
      fields[#fields + 1] = given[index - 1]
      fields[#fields + 1] = given[index]
    end
  end
  redis.call('ZADD', state_key(job.state), whole(now), job.id) -- first, so that the sweep finds the job in any case
  index_job(job, job.state, whole(now))
  redis.call('HSET', job_key(job.id), unpack(fields))
  redis.call('ZADD', tenant_jobs_key(job.tenant), whole(now), job.id)
  if job.blob_bytes then redis.call('HINCRBY', blobs_key, job.tenant, job.blob_bytes) end
  if count_backlog(job) == 1 then redis.call('SADD', tenants_key, job.tenant) end
end

-- An idempotency key lasts as long as its job, unless it is to last for a time, or only while the job goes on.
local function keep_key(job, each)
  local key, ttl = ARGV[each].idempotency_key, ARGV[each].idempotency_ttl_ms
  if key == '' then return end
  local name = idempotency_key(job.tenant, key)
  if ttl ~= '' then redis.call('SET', name, job.id, 'PX', ttl) else redis.call('SET', name, job.id) end
  local lasts = ARGV[each].idempotency_while_active ~= '' and 'active' or ttl ~= '' and 'ttl'
  if lasts then redis.call('HSET', job_key(job.id), 'idempotency_lasts', lasts) end
end

-- Make way for a job in its conversation. Returns the job that goes on there instead, if it may not come now.
local function make_way(job, choice)
  if not job.conversation or choice == 'enqueue' or choice == 'steer' then return nil end
  local conversation = conversation_key(job.tenant, job.conversation)
  if choice == 'reject' then return redis.call('ZRANGE', conversation, 0, 0)[1] end
  local last = redis.call('ZRANGE', conversation, -1, -1, 'WITHSCORES')
  if last[1] then interrupt(conversation, last[2]) end
end

-- Let the job that its conversation goes on with take the message of a job that is queued behind it.
local function offer(job)
  local conversation = conversation_key(job.tenant, job.conversation)
  if redis.call('ZRANGE', conversation, 0, 0)[1] == job.id then return end
  redis.call('HSET', job_key(job.id), 'steers', 1)
  redis.call('ZADD', steering_key(job.tenant, job.conversation), redis.call('ZSCORE', conversation, job.id), job.id)
end

local function join_family(job, parent)
  redis.call('SADD', children_key(parent), job.id)
  redis.call('HSET', job_key(parent), 'remembers', 1, 'committed', 1)
end

-- Take over what the origin of a replay has finished. A child that came to nothing is called anew: its end may well be
-- what the origin failed of.
local function follow(job, origin, resumes)
  if redis.call('EXISTS', job_key(origin)) == 0 then return end
  redis.call('HSET', job_key(origin), 'replayed_as', job.id)
  local messages = redis.call('HGET', job_key(origin), 'messages') -- what it was asked is more than its request
  if messages then redis.call('HSET', job_key(job.id), 'messages', messages) end
  if resumes == '' then return end
  local ledger, bytes = ledger_key(job.id), 0
  redis.call('COPY', ledger_key(origin), ledger)
  local rewound = resumes:sub(1, 1) == '{' and cjson.decode(resumes)
  if rewound then
    for _, name in ipairs(rewound.without) do redis.call('HDEL', ledger, name) end
    for name, entry in pairs(rewound.with) do redis.call('HSET', ledger, name, entry) end
  else
    redis.call('COPY', checkpoint_key(origin), checkpoint_key(job.id))
  end
  for _, name in ipairs(redis.call('HKEYS', ledger)) do
    local entry = redis.call('HGET', ledger, name)
    local ended_well = entry:find('^{"state":"done","value":{"job_id":"[^"]*","state":"succeeded"')
    if name:sub(1, 5) == 'call:' and not ended_well then
      redis.call('HDEL', ledger, name)
    else
      bytes = bytes + #entry
    end
  end
  local its = redis.call('HMGET', job_key(origin), 'root', 'version', 'committed')
  redis.call('HSET', job_key(job.id), 'remembers', 1, 'ledger_bytes', whole(bytes), 'root', its[1] or origin, 'version', its[2] or '')
  if its[3] then redis.call('HSET', job_key(job.id), 'committed', 1) end
end

local function create(each)
  local run_at, parent, origin = moment_of(ARGV[each].run_at_ms), ARGV[each].parent, ARGV[each].origin
  if parent ~= '' and not holds(load_job(parent), ARGV[each].parent_fence) then return {-2, ''} end
  local parked = run_at and run_at > now
  local job = {id = ARGV[each].id, kind = ARGV[each].kind, tenant = ARGV[each].tenant, queue = ARGV[each].queue,
    priority = ARGV[each].priority, attempt = 0, state = parked and 'scheduled' or 'queued', run_at = run_at,
    conversation = ARGV[each].conversation ~= '' and ARGV[each].conversation,
    slots = ARGV[each].slots ~= '' and ARGV[each].slots or nil,
    expires_at = moment_of(ARGV[each].expires_at_ms), start_by = moment_of(ARGV[each].start_by_ms), parent = parent,
    depth = parent ~= '' and (tonumber(redis.call('HGET', job_key(parent), 'depth')) or 1) + 1 or '',
    bytes = #ARGV[each].request + #ARGV[each].metadata + #ARGV[each].delivery,
    blob_bytes = tonumber(ARGV[each].blob_bytes)}
  local refused = refusal(job)
  if refused then return refused end
  local busy = make_way(job, ARGV[each].when_busy)
  if busy then return {-3, busy} end
  write(job, each)
  keep_key(job, each)
  if parent ~= '' then join_family(job, parent) end
  if origin ~= '' then follow(job, origin, ARGV[each].resumes) end
  watch_limits(job)
  if parked then
    redis.call('ZADD', due_key, whole(run_at), job.id)
    append(job, 'scheduled', '{"run_at":"' .. iso(run_at) .. '"}')
  else
    append(job, 'queued', '{"queue":"' .. job.queue .. '","priority":' .. job.priority .. '}')
    stand(job)
    -- A message that is not here cannot be handed over: such a job waits for its turn.
    if job.conversation and ARGV[each].when_busy == 'steer' and not job.blob_bytes then offer(job) end
  end
  return {1, job.id}
end

for each in items(ARGV) do
  local known = existing(ARGV[each].id, ARGV[each].tenant, ARGV[each].idempotency_key, ARGV[each].fingerprint)
  replies[#replies + 1] = known or create(each)
end
if newest then redis.call('SET', arrivals_key, whole(newest)) end
dispatch_touched()
return replies
