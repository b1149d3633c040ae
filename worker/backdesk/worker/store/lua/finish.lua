-- Finish: end a running attempt, and its job with it.
--
-- ARGV: id, fence, state (terminal), field ('result' or 'error'), value (its JSON), event (data of the terminal
--   event as JSON), usage (JSON), degraded (error JSON that a fallback answer stands in for, or ''), tokens (of this
--   attempt)
-- Returns: 1 when the job has ended by this attempt, 0 when the attempt has lost its fence
-- Atomic. Idempotent: repeated after a lost answer it returns 1 again and changes nothing.
--!include ending
--!include room

local job = load_job(ARGV.id)
local held, left = holds(job, ARGV.fence)
if not held then return left and job.state == ARGV.state and 1 or 0 end
job.tokens = tonumber(ARGV.tokens)
write_though_full()
if ARGV.degraded ~= '' then redis.call('HSET', job_key(job.id), 'degraded', ARGV.degraded) end
conclude(job, ARGV.state, ARGV.field, ARGV.value, ARGV.event, 'usage', ARGV.usage, 'left_by', ARGV.fence)
dispatch_touched()
return 1
