-- Pulse: show that workers reach Redis, and notice that for a while none did, or that its clock was set.
--
-- ARGV: longest_ms (between two of them, while all is well), grace_ms
-- Returns: how many ms were missed, when running attempts have been given grace for that, else 0
-- Atomic. Idempotent.
--!include keys
--!include clock
--!include room

local MOST_LEASES = 10000 -- put right at once; it takes about a µs for each

-- After a clock was set back: no lease lasts longer than from now on. Those of dead workers would until it is where it was.
local function shorten_leases(ends)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', leases_key, '(' .. ends, '+inf', 'LIMIT', 0, MOST_LEASES)) do
    redis.call('ZADD', leases_key, ends, id)
  end
end

local last = tonumber(redis.call('HGET', pulse_key, 'at') or now)
local missed = math.abs(now - last)
write_though_full()
redis.call('HSET', pulse_key, 'at', whole(now))
if missed <= tonumber(ARGV.longest_ms) then return 0 end
local grace_until = whole(now + tonumber(ARGV.grace_ms))
redis.call('HSET', pulse_key, 'grace_until', grace_until)
if now < last then shorten_leases(grace_until) end
return missed
