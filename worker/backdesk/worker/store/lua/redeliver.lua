-- Redeliver: give back a delivery that its worker will not use, because it ends, has no room or cannot run the job.
--
-- ARGV: id, unknown_kind (1 when the worker does not know the kind, or has fewer slots than the job takes; or '')
-- Returns: 1 when it waits for another worker now, 0 when there was nothing to give back
-- Atomic. Repeated after a lost answer it may deliver twice, of which the second is refused when it is claimed.
--!include stranding

local job = load_job(ARGV.id)
if job and ARGV.unknown_kind == '' and redis.call('HGET', job_key(job.id), 'untold') == '1' then
  tell_sender(job)
  return 1
end
if not job or not redis.call('ZSCORE', window_key(job.queue), job.id) then return 0 end

if ARGV.unknown_kind == '' then deliver(job.queue, job.id, (delivery(job.id))) else pass_on(job) end
touched[job.queue] = true
dispatch_touched()
return 1
