-- Redeliver: give back a delivery that its worker will not use, because it ends or does not know the kind.
--
-- ARGV: id, unknown_kind (1 when the worker does not know the kind, or '')
-- Returns: 1 when it waits for another worker now, 0 when there was nothing to give back
-- Atomic. Repeated after a lost answer it may deliver twice, of which the second is refused when it is claimed. A job of
-- an unknown kind goes round while a live worker knows it; after some rounds, as when all of those are busy, it leaves
-- the window, which it would fill, until the kind is announced again.
--!include record

local ROUNDS = 8 -- where half of the workers know the kind, one job in 256 has not met one of them by then

local job = load_job(ARGV.id)
if job and ARGV.unknown_kind == '' and redis.call('HGET', job_key(job.id), 'untold') == '1' then
  tell_sender(job)
  return 1
end
if not job or not redis.call('ZSCORE', window_key(job.queue), job.id) then return 0 end

local function worth_another_round()
  return redis.call('HEXISTS', served_key, job.kind) == 1 and
    redis.call('HINCRBY', job_key(job.id), 'rounds', 1) % ROUNDS ~= 0
end

if ARGV.unknown_kind == '' or worth_another_round() then
  deliver(job.queue, job.id, (delivery(job.id)))
else
  undeliver(job)
  redis.call('ZADD', stranded_key(job.kind), whole(now), job.id)
end
touched[job.queue] = true
dispatch_touched()
return 1
