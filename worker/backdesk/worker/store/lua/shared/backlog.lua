-- The backlog of a tenant: its jobs that have not ended, and the bytes of their requests, counted as they come and go.
--!include keys

-- Returns how many jobs the tenant has now.
local function count_backlog(job)
  local key = backlog_key(job.tenant)
  redis.call('HINCRBY', key, 'bytes', job.bytes)
  return redis.call('HINCRBY', key, 'jobs', 1)
end

-- A job that was counted with so many bytes has ended. A recount under way (audit.lua) has come to all of its tenant that
-- were created by `seen_to`.
local function uncount_backlog(tenant, bytes, created_at)
  local key = backlog_key(tenant)
  if redis.call('HINCRBY', key, 'jobs', -1) <= 0 then return redis.call('DEL', key) end
  redis.call('HINCRBY', key, 'bytes', -bytes)
  local seen_to = redis.call('HGET', key, 'seen_to')
  if not seen_to or tonumber(created_at) > tonumber(seen_to) then return end
  redis.call('HINCRBY', key, 'seen_jobs', -1)
  redis.call('HINCRBY', key, 'seen_bytes', -bytes)
end
