-- Webhooks: what endpoints are to be told of is put into their outboxes, in one step with the change that it tells of.
--!include keys
--!include clock

-- Events that wait for one endpoint, at most; of those beyond there is a count alone.
local MOST_WAITING = 100000
-- What is told of a job. A text, as a table would be made at each call of each script.
local TOLD = ' queued scheduled started waiting retrying succeeded steered failed cancelled expired '
-- 1 when there is an endpoint at all, 0 when there is none; known once somebody has looked.
local hooked = -1

local function has_webhooks()
  if hooked < 0 then hooked = redis.call('EXISTS', webhooks_enabled_key) end
  return hooked == 1
end

-- Deliveries are told of to nobody: an endpoint would cause its own next one.
local function is_delivery(kind) return kind:sub(1, 8) == 'webhook.' end

--!rare
local function post(endpoint, entry)
  if redis.call('LLEN', webhook_outbox_key(endpoint)) >= MOST_WAITING then
    redis.call('HINCRBY', webhook_key(endpoint), 'dropped', 1)
  else
    redis.call('RPUSH', webhook_outbox_key(endpoint), entry)
    redis.call('SADD', webhook_outboxes_key, endpoint)
  end
end

-- Tell the endpoints that want it of an event of a tenant; `about` says which one, so that no other has the same id, and
-- `data` is a JSON object.
--!rare
local function tell_webhooks(tenant, type, about, data)
  local its = redis.call('SMEMBERS', webhook_subscribers_key(tenant, type))
  local of_all = redis.call('SMEMBERS', webhook_subscribers_key('*', type))
  if not (its[1] or of_all[1]) then return end
  local id = 'evt_' .. redis.sha1hex(type .. ' ' .. about .. ' ' .. whole(now))
  local entry = '{"id":"' .. id .. '","type":"' .. type .. '","at":"' .. iso(now) .. '","tenant":' ..
    cjson.encode(tenant) .. ',"data":' .. data .. '}'
  for _, endpoint in ipairs(its) do post(endpoint, entry) end
  for _, endpoint in ipairs(of_all) do post(endpoint, entry) end
end

-- The same of an event of a job; `data` is that of the event. Deliveries are told of to nobody.
--!rare
local function tell_of_job(job, type, seq, data)
  if is_delivery(job.kind) or not TOLD:find(' ' .. type .. ' ', 1, true) then return end
  local code = data:match('^{"code":"([%w_.-]+)"')
  tell_webhooks(job.tenant, 'job.' .. type, job.id .. ' ' .. seq, '{"job_id":"' .. job.id .. '","kind":' ..
    cjson.encode(job.kind) .. ',"attempt":' .. job.attempt .. ',"seq":' .. seq ..
    (code and ',"code":"' .. code .. '"' or '') .. '}')
end

-- The endpoint that a delivery is for; nil for a job that was not made for one.
local function endpoint_of(job) return is_delivery(job.kind) and job.id:match('^(we_%x+)%.') or nil end

-- Take note of how an attempt at a delivery went; `error` is JSON or '', `over` says that none follows.
--!rare
local function note_delivery(job, error, over)
  local endpoint = endpoint_of(job)
  if not endpoint then return end
  if over then redis.call('ZREM', webhook_under_way_key(endpoint), job.id) end
  if redis.call('HEXISTS', webhooks_key, endpoint) == 0 then return end
  local key = webhook_key(endpoint)
  local code = error:match('^{"code":"(http_[%w_]+)"')
  if error == '' then
    redis.call('HDEL', key, 'failing_since', 'gone')
    redis.call('HSET', key, 'delivered_at', whole(now))
    redis.call('HINCRBY', key, 'delivered', 1)
  elseif code then -- what is cancelled, or cannot be signed here, says nothing of the endpoint
    redis.call('HSETNX', key, 'failing_since', whole(now))
    redis.call('HSET', key, 'failed_at', whole(now), 'failed_with', code)
    if code == 'http_410' then redis.call('HSET', key, 'gone', 1) end
    if over then redis.call('HINCRBY', key, 'failed', 1) end
  end
end
