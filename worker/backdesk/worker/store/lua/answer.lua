-- Answer: give a waiting job what it waits for from a person.
--
-- ARGV: id, name (of what is asked), entry (of the ledger, JSON, or '' to take it out), event (its data as JSON),
--   error (JSON to end the job with, or '')
-- Returns: {1, state} when the answer is in force, {0, state} when the job does not wait for this ('' if unknown), or
--   waits for a child, which is answered by its end
-- Atomic. Idempotent: an answer repeated after a lost reply returns 1 again and changes nothing.
--!include ending

local job = load_job(ARGV.id)
if not job then return {0, ''} end
local name, entry, error = ARGV.name, ARGV.entry, ARGV.error
local answered = 'answered:' .. name -- of each, because others may be answered before a lost answer is repeated
local known = redis.call('HGET', awaiting_key(job.id), name)
local target = known and cjson.decode(known)[2]
if job.state ~= 'waiting' or not known or target == name then -- a child alone has its answer under its own name
  local repeated = redis.call('HGET', job_key(job.id), answered) == ARGV.event
  return {repeated and 1 or 0, job.state}
end
redis.call('HSET', job_key(job.id), answered, ARGV.event)
append(job, 'answered', ARGV.event)
if error ~= '' then
  conclude(job, 'failed', 'error', error, error)
  tell_sender(job)
else
  settle(job.id, name, target, entry)
end
dispatch_touched()
return {1, redis.call('HGET', job_key(job.id), 'state')}
