-- Finish: end a running attempt, and its job with it.
--
-- ARGV: prefix, now ms or '', job id, attempt, terminal state, field ('result' or 'error'), its JSON,
--   data of the terminal event as JSON, usage JSON, retention ms
-- Returns: 1 when the job has ended by this attempt, 0 when the attempt has lost its fence
-- Atomic. Idempotent: repeated after a lost answer it returns 1 again and changes nothing.
--!include record

local id, attempt, state = ARGV[3], tonumber(ARGV[4]), ARGV[5]
local job = load_job(id)
if not job or job.attempt ~= attempt then return 0 end
if job.state == state and redis.call('HGET', job_key(id), 'ended_by') == ARGV[4] then return 1 end
if job.state ~= 'running' then return 0 end
redis.call('HSET', job_key(id), 'usage', ARGV[9], 'ended_by', ARGV[4])
conclude(job, state, ARGV[6], ARGV[7], ARGV[8], tonumber(ARGV[10]))
return 1
