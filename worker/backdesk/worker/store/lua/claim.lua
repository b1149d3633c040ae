-- Claim: turn deliveries of jobs of a kind into the right to run one attempt each, with a lease and a fence.
--
-- ARGV: lease_ms, worker, budget (of their kind, as JSON or ''), kept_ms (for which it keeps a job that succeeded, or
--   ''), version (of the kind here, or ''), resumes (other versions with whose jobs it may go on, between blanks, or
--   '*'), restarts (1 to begin jobs of all others anew, or ''), then for each job: id, fence (unique to this claim)
-- Returns: for each of them: code (1), attempt, kind, tenant, queue, request, metadata (or ''), expires_at (ms or ''),
--   expires_in (ms or ''), watchers, failures, retry (policy or ''), timeout (of an attempt in ms, or ''), root (of its idempotency
--   keys), checkpoint (or ''), ledger (key, entry, ...), pages (1 when the ledger is to be read by pages), priority, usage (of former attempts, or ''), limited (1 when
--   its spending is limited, else 0), time_left (ms that its budgets leave it, or ''); or {0, reason} when there is
--   nothing to run: a second delivery, a job withdrawn, an unknown job, one for another version. The reason is the error
--   as JSON when the job ended without its sender being told, else ''
-- Atomic. Idempotent by fence: repeated after a lost answer it returns the same claim, or the same reason.
--!include ending
--!include budget
--!include stranding

local ledger_bytes_left = 262144 -- in one answer; more would hold up Redis

local function claim(job, field, watchers)
  local id = job.id
  local limited, time_left_ms = open_budget(job, field[9] or ARGV.budget, field[10])
  local checkpoint, ledger, expires_at = '', {}, job.expires_at
  local large = tonumber(field[11] or 0) > ledger_bytes_left
  if field[7] then
    checkpoint = redis.call('GET', checkpoint_key(id)) or ''
    if not large then
      ledger = redis.call('HGETALL', ledger_key(id))
      ledger_bytes_left = ledger_bytes_left - tonumber(field[11] or 0)
    end
  end
  return reply{
    code = 1,
    attempt = job.attempt,
    kind = job.kind,
    tenant = job.tenant,
    queue = job.queue,
    request = field[1],
    metadata = field[2] or '',
    expires_at = expires_at and whole(expires_at) or '',
    expires_in = expires_at and whole(expires_at - now) or '',
    watchers = watchers,
    failures = tonumber(field[3] or 0),
    retry = field[4] or '',
    timeout = field[5] or '',
    root = field[6] or id,
    checkpoint = checkpoint,
    ledger = ledger,
    pages = large and 1 or 0,
    priority = tonumber(job.priority),
    usage = field[8] or '',
    limited = limited,
    time_left = time_left_ms,
  }
end

local function start(each)
  local id, fence = ARGV[each].id, ARGV[each].fence
  local job = load_job(id)
  if not job then return {0, ''} end
  local key = job_key(id)
  local field = redis.call('HMGET', key, 'request', 'metadata', 'failures', 'retry', 'timeout_ms', 'root', 'remembers',
    'usage', 'budget', 'parent', 'ledger_bytes', 'version', 'committed')

  if job.state == 'running' and job.fence == fence then return claim(job, field, 0) end
  if job.state ~= 'queued' then
    local told_to = redis.call('HGET', key, 'untold')
    if told_to ~= '1' and told_to ~= fence then return {0, ''} end
    redis.call('HSET', key, 'untold', fence)
    return {0, redis.call('HGET', key, 'error')}
  end

  local limit, code = next_limit(job)
  if limit and limit <= now then
    local reason = lapse(job, code)
    redis.call('HSET', key, 'untold', fence)
    return {0, reason}
  end

  -- The leader comes for all children of a parent that came to nothing; until then none begins.
  local parent_state = job.parent and redis.call('HGET', job_key(job.parent), 'state')
  if parent_state and not ACTIVE[parent_state] and parent_state ~= 'succeeded' then
    end_cancelled(job, orphaned_by(parent_state))
    return {0, ''}
  end

  -- What was done before there were versions is of none, and anybody may go on with it.
  local former = field[12] or (field[7] and '' or ARGV.version)
  local version = former ~= '' and ARGV.version or ''
  local change = ''
  if field[7] and former ~= version then
    local resumed = ARGV.resumes == '*' or ARGV.resumes:find(' ' .. former .. ' ', 1, true)
    if not resumed and (ARGV.restarts == '' or field[13]) then
      if redis.call('ZSCORE', window_key(job.queue), id) then pass_on(job) end
      touched[job.queue] = true
      return {0, ''}
    end
    change = resumed and 'resumes' or 'restarts'
  end

  -- Not in the window, the delivery is an old one: the job stands in line, or behind its conversation, and gets another.
  if redis.call('ZREM', window_key(job.queue), id) == 0 then return {0, ''} end
  if change == 'restarts' then
    forget_workings(job)
    redis.call('HDEL', key, 'remembers', 'ledger_bytes')
    field[7], field[11] = nil, nil
  end
  settle_rates(job, true)
  touched[job.queue] = true
  redis.call('ZADD', leases_key, whole(now + tonumber(ARGV.lease_ms)), id)
  job.attempt = job.attempt + 1
  enter(job, 'running', 'attempt', job.attempt, 'worker', ARGV.worker, 'fence', fence, 'started_at', whole(now),
    'lasted', whole(now) .. ' 0', 'emitted', 0, 'version', version)
  if ARGV.kept_ms ~= '' then redis.call('HSET', key, 'kept_ms', ARGV.kept_ms) end
  if limit then
    redis.call('ZREM', expiring_key, id)
    watch_limits(job)
  end
  local told = change ~= '' and ',"version":"' .. version .. '","' .. change .. '":"' .. former .. '"' or ''
  local heard = append(job, 'started', '{"worker":' .. cjson.encode(ARGV.worker) .. told .. '}')
  return claim(job, field, followers_of(id, heard))
end

local replies = {}
for each in items(ARGV) do replies[#replies + 1] = apart(start, each) end
dispatch_touched()
return replies
