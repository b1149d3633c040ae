-- Wait: end a running attempt whose job goes on when others have answered: a person, or its children.
--
-- ARGV: common, job id, attempt, usage JSON, tokens of this attempt, then for each thing that it waits for: name, key of the answer in the
--   ledger, description as JSON, ms until it is given up or '', ledger entry to write then or ''
-- Returns: 1 when the attempt has left the job, 0 when it has lost its fence
-- Atomic. Idempotent: repeated after a lost answer it returns 1 again and changes nothing. What is in the ledger
-- already is not waited for; with nothing left the job is queued. A job that was asked to stop is cancelled instead.
--!include ending

local job = load_job(ARGV[5])
local held, left = holds(job, ARGV[6])
if not held then return left and (ACTIVE[job.state] or job.state == 'cancelled') and 1 or 0 end
local key, asked, first = job_key(job.id), {}, nil
job.tokens = tonumber(ARGV[8])

for base = 8, #ARGV - 5, 5 do
  local name, target, until_ms = ARGV[base + 1], ARGV[base + 2], tonumber(ARGV[base + 4])
  -- The answer to a question has the question's name; what is there already need not be waited for.
  if name ~= target or redis.call('HEXISTS', ledger_key(job.id), name) == 0 then
    local until_at = until_ms and now + until_ms
    asked[#asked + 1] = ARGV[base + 3]
    redis.call('HSET', awaiting_key(job.id), name,
      cjson.encode({ARGV[base + 3], target, until_at and whole(until_at) or '', ARGV[base + 5]}))
    if until_at and until_at < (first or until_at + 1) then first = until_at end
  end
end

keep_attempt(job, 'waiting', '')
redis.call('HSET', key, 'usage', ARGV[7], 'left_by', ARGV[6], 'remembers', 1)
local stop = redis.call('HGET', key, 'stop')
if stop then
  end_cancelled(job, stop)
elseif #asked == 0 then
  withdraw(job)
  queue_up(job, 'resumed')
else
  withdraw(job)
  enter(job, 'waiting')
  watch_limits(job)
  if first then redis.call('ZADD', due_key, whole(first), job.id) end
  append(job, 'waiting', '{"for":[' .. table.concat(asked, ',') .. ']}')
end
dispatch_touched()
return 1
