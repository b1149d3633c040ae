-- Cache: keep a value of a tenant for a time.
--
-- ARGV: common, tenant, digest of its name, value, ms to keep it
-- Returns: 1
-- Atomic. Idempotent. The newest replaces the one before.
--!include keys

redis.call('SET', cache_key(ARGV[5], ARGV[6]), ARGV[7], 'PX', ARGV[8])
return 1
