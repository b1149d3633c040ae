-- Drop: forget dead letters now, or jobs that have ended in any way.
--
-- ARGV: ended (1 to forget jobs in any final state, or ''), then for each job: id
-- Returns: how many were forgotten; any other job is left alone, as is one whose children are being cancelled
-- Atomic. Idempotent.
--!include forget

-- An archiver may be copying such a job just now: it looks here when it has.
local KNOWN_MS = 600000
local archives = redis.call('EXISTS', archive_key) == 1
local ACTIVE = {scheduled = true, queued = true, running = true, waiting = true}
local dropped = 0
for each in items(ARGV) do
  local id = ARGV[each].id
  local state = redis.call('HGET', job_key(id), 'state')
  local may = state == 'failed' or ARGV.ended ~= '' and state and not ACTIVE[state]
  if may and redis.call('HEXISTS', orphaned_key, id) == 0 then
    if archives then redis.call('SADD', dropped_key, id) end
    forget(id)
    dropped = dropped + 1
  end
end
if archives then redis.call('PEXPIRE', dropped_key, KNOWN_MS) end
return dropped
