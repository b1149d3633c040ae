-- Resume: let go on what a limit has held, as far as the limit has room again.
--
-- ARGV: most (limits to look at)
-- Returns: how many were looked at
-- Atomic. Idempotent.
--!include dispatch

if redis.call('EXISTS', limited_key) == 0 then return 0 end
-- A clock that was set back has left moments that are too far ahead: all are looked at anew.
local looked_at = flow_of('resumed')
if looked_at and now < looked_at then
  for _, scope in ipairs(redis.call('ZRANGE', limited_key, 0, -1)) do look_again(scope, now) end
end
flow.resumed = now

local scopes = redis.call('ZRANGEBYSCORE', limited_key, '-inf', whole(now), 'LIMIT', 0, ARGV.most)
for _, scope in ipairs(scopes) do readmit(scope) end
dispatch_touched()
return #scopes
