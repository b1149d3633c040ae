-- Brim: keep for a while that Redis takes no new jobs because it is nearly full, or take that back.
--
-- ARGV: told (bytes used and the limit, or '' to take it back), lasts_ms
-- Returns: 1 when it takes none, else 0
-- Atomic. Idempotent.
--!include room

if ARGV.told == '' then
  redis.call('DEL', full_key)
  return 0
end
write_though_full()
redis.call('SET', full_key, ARGV.told, 'PX', ARGV.lasts_ms)
return 1
