-- Cache: keep a value of a tenant for a time.
--
-- ARGV: tenant, digest (of its name), value, ttl_ms, new (flag: only where there is none)
-- Returns: 1; 0 where there is one and it was to be new
-- Atomic. Idempotent, unless it was to be new. The newest replaces the one before.
--!include keys

local key = cache_key(ARGV.tenant, ARGV.digest)
if ARGV.new ~= '' then
    return redis.call('SET', key, ARGV.value, 'PX', ARGV.ttl_ms, 'NX') and 1 or 0
end
redis.call('SET', key, ARGV.value, 'PX', ARGV.ttl_ms)
return 1
