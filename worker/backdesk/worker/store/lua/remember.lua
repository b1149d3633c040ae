-- Remember: write an entry of a running attempt into its job's ledger.
--
-- ARGV: id, fence, key, entry (JSON, or '' to take it out), event (data of a `step` event as JSON, or ''), most_events
--   (in the log), most_entries, most_bytes (in the ledger)
-- Returns: 1 when it is written, 0 when the attempt has lost its fence, -1 when the ledger has no room for it
-- Atomic. Idempotent: the same entry again changes nothing. An entry that takes the place of another always has room.
--!include events

local id, ledger, entry = ARGV.id, ledger_key(ARGV.id), ARGV.entry
local key = job_key(id)
local field = redis.call('HMGET', key, 'state', 'fence', 'kind', 'tenant', 'attempt', 'ledger_bytes')
if field[1] ~= 'running' or field[2] ~= ARGV.fence then return 0 end
local before, bytes = redis.call('HGET', ledger, ARGV.key), tonumber(field[6] or 0)
local after = bytes + #entry - (before and #before or 0)
if entry == '' then
  if redis.call('HDEL', ledger, ARGV.key) == 1 then redis.call('HSET', key, 'ledger_bytes', whole(after)) end
elseif before ~= entry then
  local full = after > tonumber(ARGV.most_bytes) or redis.call('HLEN', ledger) >= tonumber(ARGV.most_entries)
  if full and not before then return -1 end
  redis.call('HSET', ledger, ARGV.key, entry)
  redis.call('HSET', key, 'remembers', 1, 'ledger_bytes', whole(after))
  -- Only what must not be done twice is announced: the job never begins anew.
  if entry:find('{"state":"started"', 1, true) == 1 then redis.call('HSET', key, 'committed', 1) end
  -- It comes further with each attempt: it is not what takes its workers down.
  if entry:find('{"state":"done"', 1, true) == 1 then redis.call('HDEL', key, 'crashes') end
  if ARGV.event ~= '' and redis.call('LLEN', events_key(id)) < tonumber(ARGV.most_events) then
    append({id = id, kind = field[3], tenant = field[4], attempt = field[5]}, 'step', ARGV.event)
  end
end
return 1
