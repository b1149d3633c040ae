-- Release: let jobs go on that are parked for the limits or the breaker of an outside service, as many as it has room for.
--
-- ARGV: wait_ms (of a call, at most), probe_ms (pause between probes), timeout_ms (of a probe), most (jobs of a line),
--   cursor (where the look at the lines goes on; '0' to begin one)
-- Returns: how many may go on, cursor ('0' when all lines have been looked at)
-- Atomic, each part. They are due at once, the longest parked first. Of a breaker that is not closed one goes, to probe.
--!include service
--!include breaker

local wait, probe_ms, timeout_ms, most = tonumber(ARGV.wait_ms), tonumber(ARGV.probe_ms), tonumber(ARGV.timeout_ms), tonumber(ARGV.most)
local LINES = 100 -- that one call looks at, about
local left = 2000 -- jobs that it lets go on, at most
local WOKEN_FOR = 3000 -- how long one that was woken may take to come and probe, in ms

local function limit_of(scopes)
  for _, scope in ipairs(cjson.decode(scopes)) do
    local limit = redis.call('HGET', service_limits_key, scope)
    if limit then return cjson.decode(limit) end
  end
  return {}
end

-- Calls that may begin within the longest wait, when each moves the level on by `cost`.
local function fitting(level, cost)
  local room = now + wait - level
  return room < 0 and 0 or math.floor(room / cost) + 1
end

local function room_in_bucket(bucket, scopes)
  local limit, level, room = limit_of(scopes), load_level(bucket, LONGEST_HOLD), most
  local till = held_until(bucket)
  if till then room = math.min(room, fitting(math.max(till, level.restart), RESTART_GAP)) end
  if limit.requests_per_minute then room = math.min(room, fitting(level.rate, interval(limit.requests_per_minute))) end
  if limit.tokens_per_minute then
    room = math.min(room, fitting(level.tokens, level.typical * interval(limit.tokens_per_minute)))
  end
  if limit.concurrent then
    -- Those who ask again take each seat as it is left; a few of those who are parked must be among them.
    local free = free_seats(bucket, limit.concurrent, level.looked)
    room = math.min(room, math.max(free, math.ceil(limit.concurrent / 10)))
  end
  return math.max(0, room)
end

local function room_at_breaker(resource)
  local breaker = load_breaker(resource)
  if breaker.state == 'closed' then return most end
  local from = probe_from(breaker, '', probe_ms, timeout_ms)
  if not from or from > now + wait or math.abs(now - breaker.woken_at) < WOKEN_FOR then return 0 end
  redis.call('HSET', breaker_key(resource), 'woken_at', whole(now))
  return 1
end

local function wake(line, room)
  local ids = room > 0 and redis.call('ZPOPMIN', parked_key(line), math.min(room, most)) or {}
  for index = 1, #ids, 2 do
    redis.call('ZADD', due_key, whole(now), ids[index])
    redis.call('HDEL', job_key(ids[index]), 'parked')
    redis.call('HSET', job_key(ids[index]), 'woken', 1)
  end
  if redis.call('EXISTS', parked_key(line)) == 0 then redis.call('HDEL', parked_lines_key, line) end
  return #ids / 2
end

local found = redis.call('HSCAN', parked_lines_key, ARGV.cursor, 'COUNT', LINES)
local lines, total = found[2], 0
for index = 1, #lines, 2 do
  local line, scopes = lines[index], lines[index + 1]
  local resource = line:match('^breaker (.*)$')
  local room = resource and room_at_breaker(resource) or room_in_bucket(line, scopes)
  local share = math.ceil(2 * left / (#lines - index + 1)) -- what some do not need is for those after them
  local woken = wake(line, math.min(room, share))
  total, left = total + woken, left - woken
end
redis.call('ZREMRANGEBYSCORE', buckets_key, '-inf', whole(now - BUCKET_KEPT))
return {total, found[1]}
