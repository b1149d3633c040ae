-- Cached: read a value that a tenant has in its cache.
--
-- ARGV: tenant, digest (of its name)
-- Returns: the value, or nothing
-- Atomic. Idempotent.
--!include keys

return redis.call('GET', cache_key(ARGV.tenant, ARGV.digest))
