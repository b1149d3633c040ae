-- The end of a job, and what it means to its family: a parent that waits for it, children that still work for it.
-- ARGV.retention_ms, ARGV.succeeded_ms: for how long a job is kept that has ended, or succeeded, in ms.
--!include record
--!include backlog
--!include asking
--!include stats

local conclude

-- Write into a job's ledger what it waits for under `name` ('' takes the entry `target` out of the ledger), and queue the
-- job when nothing is left to wait for.
--!rare
local function settle(id, name, target, entry)
  local job = load_job(id)
  if not job or not ACTIVE[job.state] then return end
  local ledger = ledger_key(id)
  redis.call('HINCRBY', job_key(id), 'ledger_bytes', #entry - redis.call('HSTRLEN', ledger, target))
  if entry == '' then redis.call('HDEL', ledger, target) else redis.call('HSET', ledger, target, entry) end
  redis.call('HSET', job_key(id), 'remembers', 1)
  redis.call('HDEL', awaiting_key(id), name)
  if name ~= target then unlist_ask(job, name) end -- a child has the name of its entry
  if job.state == 'waiting' and redis.call('EXISTS', awaiting_key(id)) == 0 then
    withdraw(job)
    queue_up(job, 'resumed')
  end
end

-- Why a job is cancelled whose parent has ended, as a JSON string.
local function orphaned_by(state) return '"its parent ended as ' .. state .. '"' end

-- End a job as cancelled; `message` is a JSON string.
--!rare
local function end_cancelled(job, message)
  local error = failure(job, 'cancelled', message, 'unknown', 'low')
  conclude(job, 'cancelled', 'error', error, error)
  tell_sender(job)
end

-- Cancel a job that has not ended. A running one is asked to stop, and ends a little later.
--!rare
local function cancel(job, message)
  local key = job_key(job.id)
  if job.state ~= 'running' then
    end_cancelled(job, message)
  elseif redis.call('HSETNX', key, 'stop', message) == 1 then
    job.stop_by = now + STOP_GRACE_MS
    redis.call('HSET', key, 'stop_by', whole(job.stop_by))
    redis.call('HSET', stopping_key, job.id, 'cancel:' .. message)
    watch_limits(job)
  end
end

-- Jobs that one script looks at to cancel them with another; the rest is left to the leader (disband.lua).
local cancellations = 200

-- Cancel the children of a job that has ended as `state`, from a cursor on.
--!rare
local function cancel_children(id, state, cursor)
  repeat
    if cancellations <= 0 then return redis.call('HSET', orphaned_key, id, state .. ' ' .. cursor) end
    local found = redis.call('SSCAN', children_key(id), cursor, 'COUNT', 50)
    cursor = found[1]
    cancellations = cancellations - #found[2]
    for _, child_id in ipairs(found[2]) do
      local child = load_job(child_id)
      if child and ACTIVE[child.state] then cancel(child, orphaned_by(state)) end
    end
  until cursor == '0'
  redis.call('HDEL', orphaned_key, id)
end

-- Cancel what has come into a conversation up to a turn. None of those has its turn any more.
--!rare
local function interrupt(conversation, till)
  redis.call('HSET', interrupted_key, conversation, till)
  local ids = redis.call('ZRANGEBYSCORE', conversation, '-inf', till, 'LIMIT', 0, math.max(cancellations, 0))
  cancellations = cancellations - #ids
  for _, id in ipairs(ids) do
    local job = load_job(id)
    if job and ACTIVE[job.state] then
      cancel(job, '"interrupted by a newer message of its conversation"')
    else
      redis.call('ZREM', conversation, id)
    end
  end
  if cancellations > 0 then redis.call('HDEL', interrupted_key, conversation) end
end

-- Whether the job that has a turn in a conversation is about to be cancelled.
local function is_interrupted(conversation, turn)
  local till = redis.call('HGET', interrupted_key, conversation)
  return till and tonumber(turn) <= tonumber(till)
end

-- Take a job that has ended out of its conversation; the next one has its turn, unless it is about to be cancelled.
--!rare
local function leave_conversation(job)
  local conversation = conversation_key(job.tenant, job.conversation)
  local was_first = redis.call('ZRANK', conversation, job.id) == 0
  redis.call('ZREM', conversation, job.id)
  if job.steers then redis.call('ZREM', steering_key(job.tenant, job.conversation), job.id) end
  local first = was_first and redis.call('ZRANGE', conversation, 0, 0, 'WITHSCORES') or {}
  local waiting = first[1] and not is_interrupted(conversation, first[2]) and load_job(first[1])
  if waiting and waiting.state == 'queued' then join_line(waiting) end
end

-- Give up the idempotency key of a job that was to last only while the job goes on. It may belong to another by now.
local function release_key(job, key)
  local name = idempotency_key(job.tenant, key)
  if redis.call('GET', name) == job.id then redis.call('DEL', name) end
end

-- For how long a job that has ended is kept: one that succeeded as its kind says, any other no less than that.
local function retention(state, of_kind)
  if state == 'succeeded' or state == 'steered' then return of_kind or tonumber(ARGV.succeeded_ms) end
  return math.max(tonumber(ARGV.retention_ms), of_kind or 0)
end

-- What only a job that goes on, or a replay of one that failed, has a use for. The log tells which steps were done.
local function forget_workings(job) redis.call('DEL', ledger_key(job.id), checkpoint_key(job.id)) end

-- The events of a log, and the bytes of those of bodies, from which on it is packed when its job has ended.
local LONG_LOG, LARGE_LOG = 8, 2048

-- End a job: terminal state, its `result` or `error` as JSON, the terminal event, and a date on which all of it is
-- forgotten. That is for `prune` alone: what expired by itself would leave its places in the indexes behind. The rest
-- are fields and values to write with them.
conclude = function(job, state, name, value, data, ...)
  local key, ran = job_key(job.id), job.state == 'running'
  withdraw(job)
  enter(job, state, 'finished_at', whole(now), name, value, ...)
  -- Data that is shorter says that a result is too long for an event.
  local _, length = append(job, state, data, #data >= #value and name ~= 'steered_into')
  publish(ended_channel(job.id), state)
  local field = redis.call('HMGET', key, 'idempotency_key', 'remembers', 'parent', 'parent_key', 'idempotency_lasts',
    'usage', 'kept_ms', 'bytes', 'created_at', 'run_at', 'started_at', 'past', 'asking', 'logged', 'steers')
  redis.call('HDEL', key, 'fence', 'recounted', 'lasted', 'prepaid', 'emitted', 'rank', 'remembers', 'ledger_bytes', 'logged', 'log_full',
    'asking', 'bytes', 'steers')
  if state == 'failed' then redis.call('ZADD', dead_letters_like(value), whole(now), job.id) end
  redis.call('ZADD', forgetting_key, whole(now + retention(state, tonumber(field[7]))), job.id)
  if field[8] then uncount_backlog(job.tenant, field[8], field[9]) end
  if length >= LONG_LOG or tonumber(field[14] or 0) >= LARGE_LOG then redis.call('SADD', unpacked_key, job.id) end
  if field[5] == 'active' then release_key(job, field[1]) end
  job.steers = field[15]
  if job.conversation then leave_conversation(job) end
  if is_delivery(job.kind) then note_delivery(job, name == 'error' and value or '', true) end
  count_end(job, state, ran, field[6], unpack(field, 9, 12))
  if field[2] then
    redis.call('DEL', awaiting_key(job.id))
    if field[13] then unlist_asks(job, field[13]) end
    if state == 'succeeded' then forget_workings(job) else cancel_children(job.id, state, '0') end
  end
  if field[3] then
    settle(field[3], field[4], field[4], '{"state":"done","value":{"job_id":"' .. job.id .. '","state":"' .. state ..
      '","' .. name .. '":' .. value .. '}}')
  end
end

-- End a job whose time is over before it was done: `code` says which limit it was. Returns its error as JSON.
--!rare
local function lapse(job, code)
  local message = code == 'not_started' and '"not started in time"' or '"not finished before it expired"'
  local error = failure(job, code, message, 'timeout', 'medium')
  conclude(job, 'expired', 'error', error, error)
  return error
end
