-- Events: each is appended to the job's log and published, in one step with the change that it tells of.
--!include keys
--!include clock
--!include publish

local at = iso(now)

-- Append one event; `data` is JSON. The position in the list is the sequence number, hence no gap. What all events of a
-- job have in common is in its record alone, and so is the data of one that is `recorded`.
-- Returns how many heard it on the channel of its job.
local function append(job, type, data, recorded)
  local entry = '[' .. job.attempt .. ',' .. whole(now) .. ',"' .. type .. '"' .. (recorded and '' or ',' .. data) .. ']'
  local seq = redis.call('RPUSH', events_key(job.id), entry)
  local event = '{"v":1,"seq":' .. seq .. ',"job_id":"' .. job.id .. '","kind":' .. cjson.encode(job.kind) ..
    ',"tenant":"' .. job.tenant .. '","attempt":' .. job.attempt .. ',"at":"' .. at .. '","type":"' .. type ..
    '","data":' .. data .. '}'
  local heard = publish(progress_channel(job.id), event)
  publish(tenant_progress_channel(job.tenant), event)
  return heard
end

-- How many follow a job, given how many heard its last event. Who subscribes to a pattern or a tenant follows no job.
local function followers_of(id, heard)
  return heard > 0 and subscribers_of(progress_channel(id)) or 0
end
