-- Cache: keep a value of a tenant for a time.
--
-- ARGV: tenant, digest (of its name), value, ttl_ms
-- Returns: 1
-- Atomic. Idempotent. The newest replaces the one before.
--!include keys

redis.call('SET', cache_key(ARGV.tenant, ARGV.digest), ARGV.value, 'PX', ARGV.ttl_ms)
return 1
