-- What a tenant may have that has not ended, in jobs and in bytes of their requests, what it may have among the blobs, and
-- what it has.
--!include keys
--!include permission

-- A limit by the settings of a tenant, else the usual one; nil where there is explicitly none.
local function quota(set, usual)
  if set == 'none' then return nil end
  return tonumber(set) or tonumber(usual)
end

-- The setting of a tenant that leaves no room for one more job of so many bytes, with what it has and what it may have
-- as text; nil when there is room.
local function over_quota(tenant, bytes, usual_jobs, usual_bytes)
  local its, has = settings_of(tenant), redis.call('HMGET', backlog_key(tenant), 'jobs', 'bytes')
  local most, most_bytes = quota(its.max_jobs, usual_jobs), quota(its.max_bytes, usual_bytes)
  local jobs, all = tonumber(has[1]) or 0, tonumber(has[2]) or 0
  if most and jobs >= most then return 'max_jobs ' .. jobs .. ' ' .. string.format('%.0f', most) end
  if most_bytes and all + bytes > most_bytes then
    return 'max_bytes ' .. string.format('%.0f %.0f', all, most_bytes)
  end
end

-- The same of what it has among the blobs, by the last sweep of these and what has come since.
local function over_blobs(tenant, bytes, most)
  local has = tonumber(redis.call('HGET', blobs_key, tenant)) or 0
  if has + bytes > tonumber(most) then return 'max_blob_bytes ' .. string.format('%.0f %.0f', has, tonumber(most)) end
end
