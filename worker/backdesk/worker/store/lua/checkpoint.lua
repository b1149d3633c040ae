-- Checkpoint: keep where a running attempt is, for the attempt after it.
--
-- ARGV: id, fence, checkpoint
-- Returns: 1 when it is written, 2 when there are messages as well that the job may take, 0 when the attempt has lost its fence
-- Atomic. Idempotent. The newest replaces the one before.
--!include record

local job = load_job(ARGV.id)
if not holds(job, ARGV.fence) then return 0 end
redis.call('SET', checkpoint_key(job.id), ARGV.checkpoint)
redis.call('HSET', job_key(job.id), 'remembers', 1)
redis.call('HDEL', job_key(job.id), 'crashes')
local steering = job.conversation and redis.call('EXISTS', steering_key(job.tenant, job.conversation)) == 1
return steering and 2 or 1
