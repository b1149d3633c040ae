-- What may be asked of outside services: a leaky bucket for requests and one for tokens, which can be given away ahead.
--
-- Each bucket has the moment up to which its rate is given away, the "theoretical arrival time" of GCRA (ITU-T I.371): a
-- call begins there, not before now, and moves it on by what it costs.
--!include keys
--!include clock

local MINUTE = 60000
-- The share of a limit that is paced out. The rest makes room for one call, and for calls that begin a little late, so
-- that they fit into every minute that a provider may count.
local SHARE = 0.98
-- How much of a rate that was not used may be caught up, in ms: lateness of callers, and the burst after idleness.
local TOLERANCE = 300
-- After a hold calls begin at least so far apart, for so long, in ms: those that were held come back together.
local RESTART_GAP, RESTART = 50, 5000
local LONGEST_HOLD = 3600000
local BUCKET_KEPT = 3600000
local UNITS = {rate = 'requests_per_minute', tokens = 'tokens_per_minute'}

-- What one request or token costs, in ms of the rate.
local function interval(per_minute) return MINUTE / (SHARE * per_minute) end

-- The longest that can rightly be ahead: a call that begins after the longest wait and costs the whole minute.
local function clamp(level, wait) return math.max(now - TOLERANCE, math.min(level, now + wait + MINUTE / SHARE)) end

local function note(bucket, ...)
  redis.call('HSET', level_key(bucket), ...)
  redis.call('PEXPIRE', level_key(bucket), 3 * MINUTE)
end

local function save_level(bucket, unit, level)
  note(bucket, unit, string.format('%.3f', level), unit .. '_at', whole(now))
end

-- Up to when a bucket is given away, by unit. If the clock was put back since that was written, it goes back as far.
local function load_level(bucket, wait)
  local field = redis.call('HMGET', level_key(bucket), 'looked', 'typical', 'rate', 'rate_at', 'tokens', 'tokens_at',
    'restart', 'restart_at')
  local level = {looked = tonumber(field[1] or 0), typical = tonumber(field[2] or 1)}
  for index, unit in ipairs({'rate', 'tokens', 'restart'}) do
    local back = math.max(0, tonumber(field[2 * index + 2] or 0) - now)
    level[unit] = clamp(tonumber(field[2 * index + 1] or 0) - back, wait)
    if back > 0 then save_level(bucket, unit, level[unit]) end
  end
  return level
end

local function write_hold(bucket, till)
  redis.call('SET', hold_key(bucket), whole(now) .. ' ' .. whole(till), 'PX', whole(till - now + RESTART))
end

-- Until when a provider wants no calls; nil when it has said nothing, or the restart after it is over.
local function held_until(bucket)
  local value = redis.call('GET', hold_key(bucket))
  if not value then return nil end
  local from, till = value:match('^(%d+) (%d+)$')
  from, till = tonumber(from), tonumber(till)
  if now < from then -- the clock was put back
    till = now + till - from
    write_hold(bucket, till)
  end
  return till + RESTART > now and till or nil
end

local function hold(bucket, ms)
  local till = now + math.min(ms, LONGEST_HOLD)
  local known = held_until(bucket)
  if known and known >= till then return end
  redis.call('ZADD', buckets_key, whole(now), bucket)
  write_hold(bucket, till)
end

-- Whether the attempt that makes a call still runs.
local function alive(call)
  local id, fence = call:match('^(.*):([^:]+):%d+$')
  if not id then return false end
  local field = redis.call('HMGET', job_key(id), 'state', 'fence')
  return field[1] == 'running' and field[2] == fence
end

-- Seats that are free in a bucket. When there is none, those of attempts that are gone are cleared, at most once a second.
local function free_seats(bucket, limit, looked)
  local free = limit - redis.call('ZCARD', calls_key(bucket))
  if free > 0 or math.abs(now - looked) < 1000 then return free end
  note(bucket, 'looked', whole(now))
  for _, call in ipairs(redis.call('ZRANGE', calls_key(bucket), 0, -1)) do
    if not alive(call) then redis.call('ZREM', calls_key(bucket), call) end
  end
  return limit - redis.call('ZCARD', calls_key(bucket))
end
