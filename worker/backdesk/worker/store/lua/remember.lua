-- Remember: write an entry of a running attempt into its job's ledger.
--
-- ARGV: id, fence, key, entry (JSON, or '' to take it out), event (data of a `step` event as JSON, or ''), cap
--   (events allowed in the log)
-- Returns: 1 when it is written, 0 when the attempt has lost its fence
-- Atomic. Idempotent: the same entry again changes nothing.
--!include record

local job = load_job(ARGV.id)
if not holds(job, ARGV.fence) then return 0 end
local ledger, key, entry = ledger_key(job.id), ARGV.key, ARGV.entry
if entry == '' then
  redis.call('HDEL', ledger, key)
elseif redis.call('HGET', ledger, key) ~= entry then
  if redis.call('HSET', ledger, key, entry) == 1 then redis.call('HSET', job_key(job.id), 'remembers', 1) end
  -- It comes further with each attempt: it is not what takes its workers down.
  if entry:find('{"state":"done"', 1, true) == 1 then redis.call('HDEL', job_key(job.id), 'crashes') end
  if ARGV.event ~= '' and redis.call('LLEN', events_key(job.id)) < tonumber(ARGV.cap) then append(job, 'step', ARGV.event) end
end
return 1
