-- Attached: read a file of a tenant, which is kept for longer then.
--
-- ARGV: tenant, digest (of its bytes), place (of the tenant among the blobs), kept_ms
-- Returns: {its bytes}, {'', its reference} for one that is among the blobs, or {}
-- Atomic. Idempotent.
--!include attachments

local tenant = ARGV.tenant
local data, key, size = file_of(tenant, ARGV.digest, ARGV.place)
if not data then return {} end
write_though_full()
redis.call('PEXPIRE', key, ARGV.kept_ms)
keep(tenant, ARGV.digest .. ':' .. whole(size), redis.call('GET', attached_key(tenant)) or size, tonumber(ARGV.kept_ms))
return key == attachment_key(tenant, ARGV.digest) and {data} or {'', data}
