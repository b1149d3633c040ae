-- Redispatch: deliver again what Celery was given and lost between its list and a claim.
--
-- ARGV: queue, age_ms (from which a delivery is looked for), most (deliveries to repeat)
-- Returns: how many deliveries were repeated
-- Atomic. A delivery that still stands in Celery's list is left alone, however long it has waited: Celery takes the oldest
-- first, so what was delivered before the oldest that stands has been taken. Neither the list nor the window is read as a
-- whole.
--!include dispatch

local MOST_LOOKED_AT = 50 -- messages that may stand before it and are of no use: their jobs have ended, or are not ours
local queue, till = ARGV.queue, now - tonumber(ARGV.age_ms) + 0.999 -- within its ms
local window, list = window_key(queue), deliveries_key(queue)

local function job_of(message)
  local known, envelope = pcall(cjson.decode, message)
  local headers = known and type(envelope) == 'table' and envelope.headers
  return type(headers) == 'table' and type(headers.id) == 'string' and headers.id
end

-- When the oldest delivery that stands was made. Beyond what is looked at nothing is known: as if it always stood.
local function standing_since()
  for place = 1, MOST_LOOKED_AT do
    local message = redis.call('LINDEX', list, -place)
    if not message then return math.huge end
    local id = job_of(message)
    local since = id and redis.call('ZSCORE', window, id)
    if since then return tonumber(since) end
  end
  return -math.huge
end

local function lost()
  local since = standing_since()
  local before = since > till and string.format('%.3f', till) or string.format('(%.3f', since)
  return redis.call('ZRANGEBYSCORE', window, '-inf', before, 'LIMIT', 0, ARGV.most)
end

-- What was delivered before the clock was set back, as if just now.
local function put_right()
  local age = tonumber(ARGV.age_ms)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', window, whole(now + age), '+inf', 'LIMIT', 0, ARGV.most)) do
    redis.call('ZADD', window, whole(now), id)
  end
end

put_right()
local oldest = redis.call('ZRANGE', window, 0, 0, 'WITHSCORES')[2]
local repeated = {}
if oldest and tonumber(oldest) <= till and redis.call('LLEN', list) < redis.call('ZCARD', window) then repeated = lost() end
local count = 0
for _, id in ipairs(repeated) do
  local message, state = delivery(id)
  if state == 'queued' then
    deliver(queue, id, message)
    count = count + 1
  else -- it should not stand there, and would be delivered again and again
    redis.call('ZREM', window, id)
  end
end
touched[queue] = true
dispatch_touched()
return count
