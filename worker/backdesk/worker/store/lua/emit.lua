-- Emit: append events of a running attempt to its log and publish them.
--
-- ARGV: id, fence, first (index of the first event within the attempt, from 0), cap (events allowed in the log),
--   then for each event: type, data (JSON)
-- Returns: how many follow the job, 0 when nothing was written, or -1 when the attempt has lost its fence
-- Atomic. Idempotent by index: events that an earlier call has written are skipped. Events over the cap are dropped.
--!include events

local id, first, cap = ARGV.id, tonumber(ARGV.first), tonumber(ARGV.cap)
local key = job_key(id)
local field = redis.call('HMGET', key, 'state', 'fence', 'kind', 'tenant', 'emitted', 'attempt')
if field[1] ~= 'running' or field[2] ~= ARGV.fence then return -1 end
local job = {id = id, kind = field[3], tenant = field[4], attempt = field[6]}
local emitted, room = tonumber(field[5]), cap - redis.call('LLEN', events_key(id))
local heard, index = 0, first
for each in items(ARGV) do
  if index >= emitted and room > 0 then
    heard = append(job, ARGV[each].type, ARGV[each].data)
    room = room - 1
  end
  index = index + 1
end
if index > emitted then redis.call('HSET', key, 'emitted', index) end
return followers_of(id, heard)
