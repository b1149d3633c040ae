-- Attach: keep a file of a tenant for a time, or for longer.
--
-- ARGV: tenant, digest (of its bytes), place (of the tenant among the blobs, for a file that is there; or ''), data (its
--   bytes, or its reference; '' to see whether there is room), size (in bytes), kept_ms, most (bytes that the files of
--   a tenant may have)
-- Returns: {1}; {-1, bytes} when the tenant has so many already that there is no room for it; {-2, 'used limit'} when
--   Redis is nearly full, in bytes
-- Atomic. Idempotent: the same file again is kept for longer.
--!include attachments

local told = redis.call('GET', full_key)
if told then return {-2, told} end
local tenant, size = ARGV.tenant, tonumber(ARGV.size)
local entry = ARGV.digest .. ':' .. ARGV.size
local gone, freed = expired(tenant)
local known = redis.call('ZSCORE', attachments_key(tenant), entry) and not gone[entry]
local used = tonumber(redis.call('GET', attached_key(tenant)) or 0) - freed
local more = known and 0 or size
if used + more > tonumber(ARGV.most) then return {-1, used} end
if ARGV.data == '' then return {1} end

local key = ARGV.place ~= '' and attachment_blob_key(ARGV.place, ARGV.digest) or attachment_key(tenant, ARGV.digest)
redis.call('SET', key, ARGV.data, 'PX', ARGV.kept_ms)
forget_expired(tenant, gone)
keep(tenant, entry, used + more, tonumber(ARGV.kept_ms))
return {1}
