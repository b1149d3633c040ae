-- Events: each is appended to the job's log and published, in one step with the change that it tells of.
--!include keys
--!include clock

local at = iso(now)

-- Append one event; `data` is JSON. The position in the list is the sequence number, hence no gap.
-- Returns how many heard it on the channel of its job.
local function append(job, type, data)
  local log = events_key(job.id)
  local seq = redis.call('LLEN', log) + 1
  local event = '{"v":1,"seq":' .. seq .. ',"job_id":"' .. job.id .. '","kind":' .. cjson.encode(job.kind) ..
    ',"tenant":"' .. job.tenant .. '","attempt":' .. job.attempt .. ',"at":"' .. at .. '","type":"' .. type ..
    '","data":' .. data .. '}'
  redis.call('RPUSH', log, event)
  local heard = redis.call('PUBLISH', progress_channel(job.id), event)
  redis.call('PUBLISH', tenant_progress_channel(job.tenant), event)
  return heard
end

-- How many follow a job, given how many heard its last event. Who subscribes to a pattern or a tenant follows no job.
local function followers_of(id, heard)
  return heard > 0 and redis.call('PUBSUB', 'NUMSUB', progress_channel(id))[2] or 0
end
