-- Resume: let go on what a limit has held, as far as the limit has room again.
--
-- ARGV: common, most limits to look at
-- Returns: how many were looked at
-- Atomic. Idempotent.
--!include dispatch

local scopes = redis.call('ZRANGEBYSCORE', limited_key, '-inf', whole(now), 'LIMIT', 0, ARGV[5])
-- A clock that was set back has left moments that are too far ahead.
local ahead = redis.call('ZRANGEBYSCORE', limited_key, '(' .. whole(now + LOOK_AGAIN_MS), '+inf', 'LIMIT', 0, ARGV[5])
for _, scope in ipairs(ahead) do
  local time = conforms_at(scope)
  if not time or time < tonumber(redis.call('ZSCORE', limited_key, scope)) then scopes[#scopes + 1] = scope end
end
for _, scope in ipairs(scopes) do readmit(scope) end
dispatch_touched()
return #scopes
