-- Attached: read a file of a tenant, which is kept for longer then.
--
-- ARGV: tenant, digest (of its bytes), kept_ms
-- Returns: its bytes, or nothing
-- Atomic. Idempotent.
--!include attachments

local tenant = ARGV.tenant
local key = attachment_key(tenant, ARGV.digest)
local data = redis.call('GET', key)
if not data then return data end
write_though_full()
redis.call('PEXPIRE', key, ARGV.kept_ms)
keep(tenant, ARGV.digest .. ':' .. #data, redis.call('GET', attached_key(tenant)) or #data, tonumber(ARGV.kept_ms))
return data
