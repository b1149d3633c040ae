-- Emit: append events of a running attempt to its log and publish them.
--
-- ARGV: id, fence, first (index of the first event within the attempt, from 0), most_events (in the log), most_bytes (of
--   events of bodies in it), then for each event: type, data (JSON)
-- Returns: how many follow the job, 0 when nothing was written, or -1 when the attempt has lost its fence
-- Atomic. Idempotent by index: events that an earlier call has written are skipped. What the log has no room for is
-- dropped, from the first such event on, and one event says so. Without a type it is no event but what was sent to a
-- model: that is kept beside the log, and published to nobody.
--!include events

local ENVELOPE = 250 -- what an event takes besides its data, in bytes
local id, first = ARGV.id, tonumber(ARGV.first)
local key = job_key(id)
local field = redis.call('HMGET', key, 'state', 'fence', 'kind', 'tenant', 'emitted', 'attempt', 'logged', 'log_full')
if field[1] ~= 'running' or field[2] ~= ARGV.fence then return -1 end
local job = {id = id, kind = field[3], tenant = field[4], attempt = field[6]}
local emitted, logged, full = tonumber(field[5]), tonumber(field[7] or 0), field[8]
local room = tonumber(ARGV.most_events) - redis.call('LLEN', events_key(id))
local heard, index = nil, first

local function close(by, limit)
  full = '1'
  redis.call('HSET', key, 'log_full', full)
  append(job, 'log_full', '{"limit":"' .. by .. '","allowed":' .. limit .. '}')
end

for each in items(ARGV) do
  if index >= emitted and not full then
    local size = #ARGV[each].data + ENVELOPE
    if room <= 0 then
      close('events', ARGV.most_events)
    elseif logged + size > tonumber(ARGV.most_bytes) then
      close('bytes', ARGV.most_bytes)
    elseif ARGV[each].type == '' then
      redis.call('RPUSH', sent_key(id), ARGV[each].data)
      logged = logged + size
    else
      heard = append(job, ARGV[each].type, ARGV[each].data)
      room, logged = room - 1, logged + size
    end
  end
  index = index + 1
end
if index > emitted then redis.call('HSET', key, 'emitted', index, 'logged', whole(logged)) end
return followers_of(id, heard or 1) -- without an event nobody could hear it
