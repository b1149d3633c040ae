-- Finish: end a running attempt, and its job with it.
--
-- ARGV: common, job id, attempt, terminal state, field ('result' or 'error'), its JSON, data of the terminal event as
--   JSON, usage JSON, error JSON that a fallback answer stands in for or '', tokens of this attempt
-- Returns: 1 when the job has ended by this attempt, 0 when the attempt has lost its fence
-- Atomic. Idempotent: repeated after a lost answer it returns 1 again and changes nothing.
--!include ending

local job = load_job(ARGV[5])
local held, left = holds(job, ARGV[6])
if not held then return left and job.state == ARGV[7] and 1 or 0 end
job.tokens = tonumber(ARGV[13])
if ARGV[12] ~= '' then redis.call('HSET', job_key(job.id), 'degraded', ARGV[12]) end
conclude(job, ARGV[7], ARGV[8], ARGV[9], ARGV[10], 'usage', ARGV[11], 'left_by', ARGV[6])
dispatch_touched()
return 1
