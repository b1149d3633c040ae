-- Submit: write new jobs and queue or park each. A job that is already there is found again, never written twice.
--
-- ARGV: common, then for each job 21 values: id, kind, tenant, queue, priority 0-9, request JSON, fingerprint,
--   idempotency key or '', run-at ms or '', expires-at ms or '', metadata JSON or '', Celery message or '',
--   start-by ms or '', time-out of an attempt in ms or '', retry policy JSON or '', parent or '', its attempt or '',
--   its key for this job or '', origin or '', 1 to take over what the origin has finished or '', budget JSON or ''
-- Returns: for each job {code, id}: 1 created, 0 existing with the same fingerprint, -1 existing with another,
--   -2 not written because the parent's attempt has lost its fence
-- Atomic for all jobs of one call. Idempotent: the same id and fingerprint again change nothing.
--!include record

local FIELDS = 21
local OPTIONAL = {[8] = 'idempotency_key', [9] = 'run_at', [10] = 'expires_at', [11] = 'metadata', [12] = 'delivery',
  [13] = 'start_by', [14] = 'timeout_ms', [15] = 'retry', [16] = 'parent', [18] = 'parent_key', [19] = 'origin', [21] = 'budget'}
local RANKS_PER_PRIORITY = 2 ^ 44 -- arrivals that fit below a priority; ten of them still fit a double exactly
local replies = {}

local function found(id, fingerprint)
  local same = redis.call('HGET', job_key(id), 'fingerprint') == fingerprint
  return {same and 0 or -1, id}
end

local function existing(id, tenant, key, fingerprint)
  if redis.call('EXISTS', job_key(id)) == 1 then return found(id, fingerprint) end
  local other = key ~= '' and redis.call('GET', idempotency_key(tenant, key))
  return other and found(other, fingerprint)
end

local function write(job, base)
  local arrival = redis.call('INCR', arrivals_key)
  job.rank = whole((9 - tonumber(job.priority)) * RANKS_PER_PRIORITY + arrival)
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
  local run_at, key, parent, origin = tonumber(ARGV[base + 9]), ARGV[base + 8], ARGV[base + 16], ARGV[base + 19]
  if parent ~= '' and not holds(load_job(parent), ARGV[base + 17]) then return {-2, ''} end
  local parked = run_at and run_at > now
  local job = {id = ARGV[base + 1], kind = ARGV[base + 2], tenant = ARGV[base + 3], queue = ARGV[base + 4],
    priority = ARGV[base + 5], attempt = 0, state = parked and 'scheduled' or 'queued'}
  write(job, base)
  if key ~= '' then redis.call('SET', idempotency_key(job.tenant, key), job.id) end
  if parent ~= '' then join_family(job, parent) end
  if origin ~= '' then follow(job, origin, ARGV[base + 20]) end
  if ARGV[base + 10] ~= '' or ARGV[base + 13] ~= '' then watch_limits(job) end
  if parked then
    redis.call('ZADD', due_key, whole(run_at), job.id)
    append(job, 'scheduled', '{"run_at":"' .. iso(run_at) .. '"}')
  else
    append(job, 'queued', '{"queue":"' .. job.queue .. '","priority":' .. job.priority .. '}')
    join_line(job)
  end
  return {1, job.id}
end

for base = 4, #ARGV - FIELDS, FIELDS do
  local known = existing(ARGV[base + 1], ARGV[base + 3], ARGV[base + 8], ARGV[base + 7])
  replies[#replies + 1] = known or create(base)
end
dispatch_touched()
return replies
