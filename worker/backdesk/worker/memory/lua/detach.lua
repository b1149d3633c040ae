-- Detach: forget a file of a tenant.
--
-- ARGV: tenant, digest (of its bytes)
-- Returns: 1 when it was there, else 0
-- Atomic. Idempotent.
--!include attachments

local tenant = ARGV.tenant
local key = attachment_key(tenant, ARGV.digest)
local data = redis.call('GET', key)
if not data then return 0 end
local used = tonumber(redis.call('GET', attached_key(tenant)) or #data)
redis.call('DEL', key)
redis.call('ZREM', attachments_key(tenant), ARGV.digest .. ':' .. #data)
redis.call('SET', attached_key(tenant), whole(math.max(used - #data, 0)), 'KEEPTTL')
return 1
