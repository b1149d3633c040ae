-- The files of a tenant: each a string that expires, its bytes or a reference to them among the blobs; beside these a
-- zset of `<digest>:<bytes>` by when that is, and how many bytes they are in all. The two expire with the last file.
--!include clock
--!include room

-- Entries taken out at once of those that have expired.
local MOST_EXPIRED = 200

-- What has expired and is still counted, as a set of entries and as bytes.
local function expired(tenant)
  local gone, freed = {}, 0
  for _, entry in ipairs(redis.call('ZRANGEBYSCORE', attachments_key(tenant), '-inf', whole(now), 'LIMIT', 0, MOST_EXPIRED)) do
    gone[entry], freed = true, freed + tonumber(entry:match(':(%d+)$'))
  end
  return gone, freed
end

local function forget_expired(tenant, gone)
  for entry in pairs(gone) do redis.call('ZREM', attachments_key(tenant), entry) end
end

-- A file or its reference, the key that has it, and how many bytes the file has; nothing when there is none.
local function file_of(tenant, digest, place)
  local key = attachment_key(tenant, digest)
  local data = redis.call('GET', key)
  if data then return data, key, #data end
  key = attachment_blob_key(place, digest)
  data = redis.call('GET', key)
  if data then return data, key, cjson.decode(data).bytes end
end

-- Note until when a file is kept, and how many bytes there are with it.
local function keep(tenant, entry, bytes, kept_ms)
  redis.call('ZADD', attachments_key(tenant), whole(now + kept_ms), entry)
  redis.call('PEXPIRE', attachments_key(tenant), whole(kept_ms))
  redis.call('SET', attached_key(tenant), bytes, 'PX', whole(kept_ms))
end
