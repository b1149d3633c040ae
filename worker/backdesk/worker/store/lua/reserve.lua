-- Reserve: let a call to an outside service begin, now or in a moment, or say when to ask again.
--
-- ARGV: call (job:fence:number), resource, bucket (of the resource and its key), tokens, wait_ms (at most), probe_ms
--   (pause between probes), timeout_ms (of a probe), then for each scope: group (of which the first that is set
--   counts), scope, bucket
-- Returns: {'go', ms until it begins, what it is: 'probe', 'free' when there is nothing to settle once it is answered, or
--   ''}; or, with nothing reserved, {'ask', ms until it is worth asking again}, {'park', ms until it may go on, why, line in
--   which the job is parked}, {'never', 0, why, bucket}
-- Atomic over all limits. Idempotent by call: repeated after a lost answer it returns the same reservation.
--!include service
--!include breaker

local call, resource, service, tokens = ARGV.call, ARGV.resource, ARGV.bucket, tonumber(ARGV.tokens)
local wait, probe_ms, timeout_ms = tonumber(ARGV.wait_ms), tonumber(ARGV.probe_ms), tonumber(ARGV.timeout_ms)
local ASK_MS, FULL_MS, LONGEST_RESERVED = 200, 2000, 86400000

local known = redis.call('GET', reservation_key(call))
if known then
  known = cjson.decode(known)
  return {'go', math.max(0, math.ceil(known.start - now)), known.probe and 'probe' or ''}
end

local function limits()
  local scopes, groups, found = {}, {}, {}
  for each in items(ARGV) do scopes[#scopes + 1] = ARGV[each].scope end
  local set, number = redis.call('HMGET', service_limits_key, unpack(scopes)), 0
  for each in items(ARGV) do
    number = number + 1
    local limit, group, bucket = set[number], ARGV[each].group, ARGV[each].bucket
    if limit and not groups[group] then
      groups[group] = true
      found[#found + 1] = {bucket = bucket, group = group, limit = cjson.decode(limit), level = load_level(bucket, wait)}
    end
  end
  return found
end

-- Every scope that may limit a bucket, so that a limit that is set while jobs wait holds for them, too.
local function scopes_of(group)
  local scopes = {}
  for each in items(ARGV) do
    if ARGV[each].group == group then scopes[#scopes + 1] = ARGV[each].scope end
  end
  return cjson.encode(scopes)
end

local function park(ms, why, line, group)
  redis.call('HSET', parked_lines_key, line, group and scopes_of(group) or '[]')
  return {'park', math.ceil(ms), why, line}
end

local function park_for_rate(each, why, start)
  local cost = (why == 'tokens' and tokens or 1) * interval(each.limit[UNITS[why]])
  note(each.bucket, 'typical', math.max(1, tokens))
  return park(start - now + cost * redis.call('ZCARD', parked_key(each.bucket)), why, each.bucket, each.group)
end

-- How far ahead a call may reserve. While jobs are parked, half of it is for those that were let go on; else those that
-- come now would take each place before them.
local function horizon(bucket)
  local id = call:match('^(.*):[^:]+:%d+$')
  if redis.call('EXISTS', parked_key(bucket)) == 0 or (id and redis.call('HEXISTS', job_key(id), 'woken') == 1) then
    return wait
  end
  return wait / 2
end

local applying, start = limits(), now
local breaker = load_breaker(resource)
local probes = breaker.state ~= 'closed'
if probes then
  local from = probe_from(breaker, call, probe_ms, timeout_ms)
  if not from or from > now + wait then
    local till = breaker.by_hand and (breaker.till or now + MINUTE) or math.max(breaker.probe_at, now)
    return park(math.max(100, till - now), 'breaker', breaker_line(resource))
  end
  start = from
end

local till = held_until(service)
local restart = till and math.max(till, load_level(service, LONGEST_HOLD).restart)
if till then
  if restart > now + wait then return park(restart - now, 'hold', service, 'service') end
  start = math.max(start, restart)
end

for _, each in ipairs(applying) do
  local limit = each.limit
  if limit.tokens_per_minute and tokens > limit.tokens_per_minute then return {'never', 0, 'tokens', each.bucket} end
  if limit.concurrent and free_seats(each.bucket, limit.concurrent, each.level.looked) <= 0 then
    if wait > ASK_MS then return {'ask', ASK_MS} end
    return park(FULL_MS, 'concurrency', each.bucket, each.group)
  end
end
for _, each in ipairs(applying) do
  for _, why in ipairs({'rate', 'tokens'}) do
    if each.limit[UNITS[why]] then
      if each.level[why] > now + horizon(each.bucket) then return park_for_rate(each, why, each.level[why]) end
      start = math.max(start, each.level[why])
    end
  end
end

-- A call that one limit lets begin later than another is charged to the other where that stands now: moved on to the
-- beginning of the call, it would be kept from all others until then.
local reserved = {}
for _, each in ipairs(applying) do
  local limit = each.limit
  if limit.requests_per_minute then
    save_level(each.bucket, 'rate', each.level.rate + interval(limit.requests_per_minute))
  end
  if limit.tokens_per_minute then
    save_level(each.bucket, 'tokens', each.level.tokens + tokens * interval(limit.tokens_per_minute))
  end
  if limit.concurrent then
    redis.call('ZADD', calls_key(each.bucket), whole(start), call)
    redis.call('PEXPIRE', calls_key(each.bucket), LONGEST_RESERVED)
  end
  redis.call('ZADD', buckets_key, whole(now), each.bucket)
  reserved[#reserved + 1] = {bucket = each.bucket, requests = limit.requests_per_minute, tokens = limit.tokens_per_minute}
end
if till then save_level(service, 'restart', start + RESTART_GAP) end
if probes then
  breaker.prober, breaker.probe_by = call, start + timeout_ms
  turn(breaker, 'half_open', redis.call('ZCARD', failures_key(resource)))
end
local held = #reserved > 0 or probes or till
if held then
  redis.call('SET', reservation_key(call), cjson.encode({start = start, tokens = tokens, probe = probes or nil,
    limits = #reserved > 0 and reserved or nil}), 'PX', LONGEST_RESERVED)
end
-- An answer makes up for a failure: of a service that has failed of late it is to be told.
local free = not held and redis.call('EXISTS', failures_key(resource)) == 0
return {'go', math.ceil(start - now), probes and 'probe' or free and 'free' or ''}
