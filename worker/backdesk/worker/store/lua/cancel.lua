-- Cancel: end a job that has not ended, wherever it is.
--
-- ARGV: id, reason (as JSON string)
-- Returns: {1, 'cancelled'} when it has ended so, {1, 'running'} when its attempt is asked to stop and the job ends in a
--   moment, or {0, state} when it has ended otherwise ('' if unknown)
-- Atomic. Idempotent: cancelling a cancelled job returns 1. Its delivery, if any, is dropped when a worker meets it.
--!include ending
--!include room

local job = load_job(ARGV.id)
if not job then return {0, ''} end
if ACTIVE[job.state] then
  write_though_full()
  cancel(job, ARGV.reason)
  dispatch_touched()
end
return {(job.state == 'cancelled' or job.state == 'running') and 1 or 0, job.state}
