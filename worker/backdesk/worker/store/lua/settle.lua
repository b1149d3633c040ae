-- Settle: a call to an outside service is over: true up what it reserved, and tell the breaker.
--
-- ARGV: call (job:fence:number), resource, bucket (of the resource and its key), went ('answered', 'failed',
--   'limited' by the service, 'unknown', 'unused' when it never began), used (tokens, or ''), hold_ms (for which the
--   service wants no more, or ''), failures (that open the breaker), window_ms (of these), probe_ms (pause between
--   probes), wait_ms (at most)
-- Returns: {state of the breaker, ms until its next probe, 1 when this call has changed it else 0}
-- Atomic. Idempotent by call: repeated after a lost answer it gives nothing back again and counts no second failure.
--!include service
--!include breaker

local call, resource, service, went = ARGV.call, ARGV.resource, ARGV.bucket, ARGV.went
local used, wait = tonumber(ARGV.used), tonumber(ARGV.wait_ms)
local probe_ms = tonumber(ARGV.probe_ms)

-- What was reserved too much helps the calls after this one as long as the minute that it was reserved in is not over.
local function true_up(bucket, unit, reserved, real, per_minute)
  local difference = (real - reserved) * interval(per_minute)
  local level = load_level(bucket, wait)[unit]
  save_level(bucket, unit, clamp(level + difference, wait))
end

local known = redis.call('GET', reservation_key(call))
if known then
  known = cjson.decode(known)
  redis.call('DEL', reservation_key(call))
  local in_time = now - known.start < MINUTE
  for _, each in ipairs(known.limits or {}) do
    redis.call('ZREM', calls_key(each.bucket), call)
    local real = went == 'unused' and 0 or used
    if each.tokens and real and (in_time or real > known.tokens) then
      true_up(each.bucket, 'tokens', known.tokens, real, each.tokens)
    end
    if each.requests and went == 'unused' then true_up(each.bucket, 'rate', 1, 0, each.requests) end
  end
end
if went == 'limited' and ARGV.hold_ms ~= '' then hold(service, tonumber(ARGV.hold_ms)) end

local function failures()
  local key, window = failures_key(resource), tonumber(ARGV.window_ms)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', whole(now - window))
  redis.call('ZREMRANGEBYSCORE', key, '(' .. whole(now), '+inf') -- the clock was put back
  if went == 'failed' then
    redis.call('ZADD', key, whole(now), call)
    redis.call('PEXPIRE', key, whole(window))
  end
  return redis.call('ZCARD', key)
end

local breaker = load_breaker(resource)
local before = breaker.state
if breaker.state == 'closed' then
  if went == 'failed' and failures() >= tonumber(ARGV.failures) then
    breaker.probe_at = now + probe_ms
    turn(breaker, 'open', failures())
  elseif went == 'failed' then
    keep_breaker(breaker)
  elseif went == 'answered' then
    redis.call('ZPOPMIN', failures_key(resource)) -- makes up for one that failed: a busy service may fail now and then
  end
elseif breaker.prober == call then
  breaker.prober, breaker.probe_by = '', 0
  if went == 'answered' or went == 'limited' then
    redis.call('DEL', failures_key(resource))
    turn(breaker, 'closed', 0)
  else
    if went ~= 'unused' then breaker.probe_at = now + probe_ms end
    turn(breaker, 'open', failures())
  end
end
return {breaker.state, math.max(0, math.ceil(breaker.probe_at - now)), breaker.state ~= before and 1 or 0}
