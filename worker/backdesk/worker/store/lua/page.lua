-- Page: read a part of what the job of a running attempt remembers.
--
-- ARGV: id, fence, cursor ('0' at first), most_bytes (after which the page is full)
-- Returns: {cursor of the next page ('0' after the last), {key, entry, ...}}, or {} when the attempt has lost its fence
-- Atomic. Idempotent: it only reads. An entry may stand on two pages.
--!include keys

local field = redis.call('HMGET', job_key(ARGV.id), 'state', 'fence')
if field[1] ~= 'running' or field[2] ~= ARGV.fence then return {} end
local cursor, entries, bytes = ARGV.cursor, {}, 0
repeat
  local found = redis.call('HSCAN', ledger_key(ARGV.id), cursor, 'COUNT', 4)
  cursor = found[1]
  for _, each in ipairs(found[2]) do
    entries[#entries + 1] = each
    bytes = bytes + #each
  end
until cursor == '0' or bytes >= tonumber(ARGV.most_bytes)
return {cursor, entries}
