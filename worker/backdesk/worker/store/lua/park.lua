-- Park: end a running attempt that is not its job's last. The job runs again after a delay, or as soon as it can.
--
-- ARGV: id, fence, delay_ms, outcome (of the attempt: 'failed', 'limited', 'handed_over'), error (JSON or ''), usage
--   (JSON), tokens (of this attempt), line (of those that wait for the same limit, or ''), limit (what limits it as
--   JSON, or ''), most_ms (after which it goes on even if that line does not, or '' for the usual)
-- Returns: 1 when the attempt has left the job, 0 when it has lost its fence
-- Atomic. Idempotent: repeated after a lost answer it returns 1 again and changes nothing. Only a failed attempt counts
-- as a failure. A job that was asked to stop is cancelled instead. One that stands in a line goes on when the limit has
-- room; when it is due is a guess then, and the maintenance comes for it much later.
--!include ending
--!include room

local LONGEST_HELD = 300000 -- after which a job asks again by itself, in ms
local EVENTS = {failed = 'retrying', limited = 'limited'}
local job = load_job(ARGV.id)
local held, left = holds(job, ARGV.fence)
if not held then return left and (ACTIVE[job.state] or job.state == 'cancelled') and 1 or 0 end
local key, delay, outcome, error = job_key(job.id), tonumber(ARGV.delay_ms), ARGV.outcome, ARGV.error
local line, limit = ARGV.line, ARGV.limit
job.tokens = tonumber(ARGV.tokens)

local function park()
  local run_at = now + delay
  withdraw(job)
  enter(job, 'scheduled')
  watch_limits(job)
  redis.call('HSET', key, 'run_at', whole(run_at))
  if line == '' then
    redis.call('HDEL', key, 'parked')
  else
    redis.call('HSET', key, 'parked', line)
    redis.call('ZADD', parked_key(line), whole(now), job.id)
    redis.call('HSETNX', parked_lines_key, line, '[]')
    run_at = math.max(run_at, now + (tonumber(ARGV.most_ms) or LONGEST_HELD))
  end
  redis.call('ZADD', due_key, whole(run_at), job.id)
end

write_though_full()
keep_attempt(job, outcome, error)
redis.call('HSET', key, 'usage', ARGV.usage, 'left_by', ARGV.fence)
local stop = redis.call('HGET', key, 'stop')
if outcome == 'failed' then
  redis.call('HINCRBY', key, 'failures', 1)
  if is_delivery(job.kind) then note_delivery(job, error, false) end
end
if stop then
  end_cancelled(job, stop)
elseif EVENTS[outcome] then
  if outcome == 'failed' then add_attempt(job, 'retried') end
  park()
  append(job, EVENTS[outcome], '{"run_at":"' .. iso(now + delay) .. '","delay_s":' .. delay / 1000 ..
    (limit ~= '' and ',"limit":' .. limit or '') .. ',"error":' .. error .. '}')
else
  withdraw(job)
  queue_up(job, outcome)
end
dispatch_touched()
return 1
