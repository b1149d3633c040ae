-- Claim: turn deliveries of jobs of a kind into the right to run one attempt each, with a lease and a fence. A claim may
-- come with the end of an attempt, as finish.lua ends it: it is then for the job that is next, in the slot that this leaves.
--
-- ARGV: lease_ms, worker, budget (of their kind, as JSON or ''), kept_ms (for which it keeps a job that succeeded, or
--   ''), version (of the kind here, or ''), resumes (other versions with whose jobs it may go on, between blanks, or
--   '*'), restarts (1 to begin jobs of all others anew, or ''), then for each job: id ('' for the one that is next),
--   fence (unique to this claim), ended (job whose attempt ends, or ''), ended_fence (its), state, field, value, event,
--   usage, degraded, tokens, masked (as finish.lua takes them)
-- Returns: for each of them: code (1), id, attempt, kind, tenant, queue, request, metadata (or ''), expires_at (ms or
--   ''), expires_in (ms or ''), watchers, failures, crashes, retry (policy or ''), timeout (of an attempt in ms, or ''),
--   root (of its idempotency keys), checkpoint (or ''), ledger (key, entry, ...), pages (1 when the ledger is to be read by
--   pages), priority, usage (of former attempts, or ''), limited (1 when its spending is limited, else 0), time_left (ms
--   that its budgets leave it, or ''), steered (1 when it has taken messages, else 0), request_blob (reference of a request that is
--   not here, or ''), parent (or ''), pausing (by whom and why it is to pause, as JSON, or ''),
--   traceparent (of its submit, or ''), conversation (or ''),
--   kept (1 when the attempt that ends has ended its job, 0 when it has lost its
--   fence, '' when none was to end), message (Celery's, of the job that is next, or ''); or {0, reason, kept, message}
--   when there is nothing to run: a second delivery, a job withdrawn, an unknown job, one for another version. The reason
--   is the error as JSON when the job ended without its sender being told, else ''. A message that comes without a claim,
--   such as that of a job of another kind, is a delivery like any other
-- Atomic. Idempotent by fence: repeated after a lost answer it returns the same claim, or the same reason. The job that
--   was next is found again by the one that has ended.
--!include finishing
--!include budget
--!include room
--!include stranding

local ledger_bytes_left = 262144 -- in one answer; more would hold up Redis

local function claim(job, field, watchers, kept, message)
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
    id = id,
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
    crashes = tonumber(field[15] or 0),
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
    steered = field[14] and 1 or 0,
    request_blob = field[16] or '',
    parent = job.parent or '',
    pausing = field[17] or '',
    traceparent = field[18] or '',
    conversation = field[19] or '',
    kept = kept,
    message = message,
  }
end

-- Why nothing is to be run of a job, as an answer; nil when there is something. One whose time is over ends by it.
local function refusal(job, fence, limit, code)
  local key = job_key(job.id)
  if job.state ~= 'queued' then
    local told_to = redis.call('HGET', key, 'untold')
    if told_to ~= '1' and told_to ~= fence then return {0, ''} end
    redis.call('HSET', key, 'untold', fence)
    return {0, redis.call('HGET', key, 'error')}
  end
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
end

-- The version that has begun a job, the one that goes on with it, and what that does where it is another: 'resumes' or
-- 'restarts', '' where it is not, nil where it may do neither. What was done before there were versions is of none, and
-- anybody may go on with it.
local function versions_of(field)
  local former = field[12] or (field[7] and '' or ARGV.version)
  local version = former ~= '' and ARGV.version or ''
  if not field[7] or former == version then return former, version, '' end
  if ARGV.resumes == '*' or ARGV.resumes:find(' ' .. former .. ' ', 1, true) then return former, version, 'resumes' end
  return former, version, ARGV.restarts ~= '' and not field[13] and 'restarts' or nil
end

-- Begin an attempt at a job; `kept` and `message` are for the answer.
local function start(id, fence, kept, message)
  local job = load_job(id)
  if not job then return {0, ''} end
  local key = job_key(id)
  local field = redis.call('HMGET', key, 'request', 'metadata', 'failures', 'retry', 'timeout_ms', 'root', 'remembers',
    'usage', 'budget', 'parent', 'ledger_bytes', 'version', 'committed', 'messages', 'crashes',
    'request_blob', 'pausing', 'traceparent', 'conversation')

  if job.state == 'running' and job.fence == fence then return claim(job, field, 0, kept, message) end
  local limit, code = next_limit(job)
  local refused = refusal(job, fence, limit, code)
  if refused then return refused end

  local former, version, change = versions_of(field)
  if not change then
    if redis.call('ZSCORE', window_key(job.queue), id) then pass_on(job) end
    touched[job.queue] = true
    return {0, ''}
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
  if job.attempt > 1 then redis.call('HDEL', key, 'left_by') end
  if ARGV.kept_ms ~= '' then redis.call('HSET', key, 'kept_ms', ARGV.kept_ms) end
  if limit then
    redis.call('ZREM', expiring_key, id)
    watch_limits(job)
  end
  local told = change ~= '' and ',"version":"' .. version .. '","' .. change .. '":"' .. former .. '"' or ''
  local heard = append(job, 'started', '{"worker":' .. cjson.encode(ARGV.worker) .. told .. '}')
  return claim(job, field, followers_of(id, heard), kept, message)
end

-- Take the delivery of a queue that is next. Returns its message, nil when there is none, and its job if that can begin
-- here: one of this kind that takes one slot, whose message is the store's own and brings nothing else.
local function next_delivery(queue, kind)
  if redis.call('EXISTS', full_key) == 1 then return nil end
  local message = redis.call('RPOP', deliveries_key(queue))
  local id = message and message:match('^{"body":"%[%[%],{},{}%]".-"id":"([^"]+)"')
  local field = id and redis.call('HMGET', job_key(id), 'state', 'kind', 'tenant', 'taken')
  local begins = field and field[1] == 'queued' and field[2] == kind and not field[4] and
    message == native_delivery(id, kind, queue, field[3])
  return message or nil, begins and id or nil
end

-- End an attempt and begin one at the job that is next; that is kept with the one that has ended, for a repetition.
local function succeed(each)
  local ended, fence = ARGV[each].ended, ARGV[each].fence
  local kept, before, job = finish(ended, ARGV[each].ended_fence, ARGV[each].state, ARGV[each].field, ARGV[each].value,
    ARGV[each].event, ARGV[each].usage, ARGV[each].degraded, ARGV[each].tokens, ARGV[each].masked)
  if kept == 0 then return {0, '', 0, ''} end
  local id, message = before and redis.call('HGET', job_key(ended), 'left_to')
  if id then
    message = delivery(id)
  else
    message, id = next_delivery(job.queue, job.kind)
    if id then redis.call('HSET', job_key(ended), 'left_to', id) end
  end
  if not id then return {0, '', 1, message or ''} end
  local answer = start(id, fence, 1, message or '')
  return answer[1] == 1 and answer or {0, '', 1, ''}
end

local function begin(each)
  if ARGV[each].ended ~= '' then return succeed(each) end
  return start(ARGV[each].id, ARGV[each].fence, '', '')
end

local replies, ends = {}, false
for each in items(ARGV) do ends = ends or ARGV[each].ended ~= '' end
if ends then write_though_full() end
for each in items(ARGV) do replies[#replies + 1] = apart(begin, each) end
dispatch_touched()
return replies
