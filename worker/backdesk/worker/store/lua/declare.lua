-- Declare: tell everybody that the deployment is under maintenance, in place of what was told of it before.
--
-- ARGV: message (as JSON string), lasts_ms (after which it is over by itself, or '')
-- Returns: the notice as JSON: its message, since when and until when in ms
-- Atomic. Idempotent, but for a time that it is given for: this begins anew. It began when it was first declared.
--!include keys
--!include clock

local known = redis.call('GET', maintenance_key)
local since = known and cjson.decode(known).since or now
local lasts = tonumber(ARGV.lasts_ms)
local notice = '{"message":' .. ARGV.message .. ',"since":' .. whole(since) .. ',"until":' ..
  (lasts and whole(now + lasts) or 'null') .. '}'
if lasts then
  redis.call('SET', maintenance_key, notice, 'PX', ARGV.lasts_ms)
else
  redis.call('SET', maintenance_key, notice)
end
return notice
