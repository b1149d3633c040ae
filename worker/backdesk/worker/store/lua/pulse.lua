-- Pulse: show that workers reach Redis, and notice that for a while none did, or that its clock was set.
--
-- ARGV: longest_ms (between two of them, while all is well), grace_ms
-- Returns: how many ms were missed, when running attempts have been given grace for that, else 0
-- Atomic. Idempotent.
--!include keys
--!include clock
--!include room

local last = tonumber(redis.call('HGET', pulse_key, 'at') or now)
local missed = math.abs(now - last)
write_though_full()
redis.call('HSET', pulse_key, 'at', whole(now))
if missed <= tonumber(ARGV.longest_ms) then return 0 end
redis.call('HSET', pulse_key, 'grace_until', whole(now + tonumber(ARGV.grace_ms)))
return missed
