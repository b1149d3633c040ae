-- Events: each is appended to the job's log and published, in one step with the change that it tells of.
--!include keys
--!include clock
--!include publish
--!include webhooks

local at = iso(now)
-- The attempts of which each state has an event of its own. Beyond, as of a job that a limit parks again and again, a
-- state takes the place of the one before it when that is the last event, so that the log does not grow for ever.
local ATTEMPTS_TOLD = 100
local STATES = {queued = true, scheduled = true, started = true, limited = true, retrying = true, waiting = true,
  answered = true}

-- How many events have stood where the next one is to stand, nil when it has a place of its own.
local function predecessors(job, type)
  local folds = tonumber(job.attempt) > ATTEMPTS_TOLD
  if not (type == 'limited' or STATES[type] and folds) then return nil end
  local last = redis.call('LINDEX', events_key(job.id), -1) or ''
  local before = last:match('^%[%d+,%d+,"([^"]*)"')
  if not STATES[before] or not folds and before ~= 'limited' then return nil end
  return 1 + tonumber(last:match('},(%d+)%]$') or 0)
end

-- Append one event; `data` is JSON. The position in the list is the sequence number, hence no gap. What all events of a
-- job have in common is in its record alone, and so is the data of one that is `recorded`.
-- Returns how many heard it on the channel of its job, and its sequence number.
local function append(job, type, data, recorded)
  local log, replaced = events_key(job.id), predecessors(job, type)
  local entry = '[' .. job.attempt .. ',' .. whole(now) .. ',"' .. type .. '"' .. (recorded and '' or ',' .. data) ..
    (replaced and ',' .. replaced or '') .. ']'
  if replaced then redis.call('LSET', log, -1, entry) end
  local seq = replaced and redis.call('LLEN', log) or redis.call('RPUSH', log, entry)
  local event = '{"v":1,"seq":' .. seq .. ',"job_id":"' .. job.id .. '","kind":' .. cjson.encode(job.kind) ..
    ',"tenant":"' .. job.tenant .. '","attempt":' .. job.attempt .. (replaced and ',"replaced":' .. replaced or '') ..
    ',"at":"' .. at .. '","type":"' .. type .. '","data":' .. data .. '}'
  local heard = publish(progress_channel(job.id), event)
  publish(tenant_progress_channel(job.tenant), event)
  if has_webhooks() then tell_of_job(job, type, seq, data) end
  return heard, seq
end

-- How many follow a job, given how many heard its last event. Who subscribes to a pattern or a tenant follows no job.
local function followers_of(id, heard)
  return heard > 0 and subscribers_of(progress_channel(id)) or 0
end
