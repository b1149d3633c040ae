-- Detach: forget a file of a tenant.
--
-- ARGV: tenant, digest (of its bytes), place (of the tenant among the blobs)
-- Returns: 2 when it was among the blobs, where it is yet to be removed; 1 when it was here; else 0
-- Atomic. Idempotent.
--!include attachments

local tenant = ARGV.tenant
local data, key, size = file_of(tenant, ARGV.digest, ARGV.place)
if not data then return 0 end
local used = tonumber(redis.call('GET', attached_key(tenant)) or size)
redis.call('DEL', key)
redis.call('ZREM', attachments_key(tenant), ARGV.digest .. ':' .. whole(size))
redis.call('SET', attached_key(tenant), whole(math.max(used - size, 0)), 'KEEPTTL')
return key == attachment_key(tenant, ARGV.digest) and 1 or 2
