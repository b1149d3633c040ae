-- Rotate: give an API key another secret; the one before stays good for a while.
--
-- ARGV: id, secret (hash of the new one), known (hash that it has), old_until (in ms, when the one before ends)
-- Returns: 1 when it has the new one, 0 when it has another than was known, or was revoked
-- Atomic. Idempotent.
--!include keys
--!include clock

local key = api_key_key(ARGV.id)
local field = redis.call('HMGET', key, 'secret', 'revoked')
if field[1] == ARGV.secret then return 1 end
if field[1] ~= ARGV.known or field[2] then return 0 end
redis.call('HSET', key, 'secret', ARGV.secret, 'old', ARGV.known, 'old_until', ARGV.old_until, 'rotated',
  whole(now))
return 1
