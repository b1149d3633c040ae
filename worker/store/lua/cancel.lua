-- Cancel: withdraw a job that has not begun.
--
-- ARGV: prefix, now ms or '', idle window, job id, reason as JSON string, retention ms
-- Returns: {1, 'cancelled'}, or {0, state} when the job is in a state in which it cannot be withdrawn ('' if unknown)
-- Atomic. Idempotent: cancelling a cancelled job returns 1. Its delivery, if any, is dropped when a worker meets it.
--!include record
--!include dispatch

local job = load_job(ARGV[4])
if not job then return {0, ''} end
if job.state == 'cancelled' then return {1, 'cancelled'} end
if job.state ~= 'queued' and job.state ~= 'scheduled' then return {0, job.state} end
local data = '{"code":"cancelled","message":' .. ARGV[5] .. ',"category":"unknown"}'
conclude(job, 'cancelled', 'error', data, data, tonumber(ARGV[6]))
tell_sender(job)
dispatch(job.queue, tonumber(ARGV[3]))
return {1, 'cancelled'}
