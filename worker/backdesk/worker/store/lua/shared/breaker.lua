-- The circuit breaker of an outside service: closed, open, or half_open while one call probes. One of which nothing is
-- heard for the retention of jobs is forgotten, as if it had always been closed; unless a person has opened it for good.
-- ARGV.retention_ms: for how long jobs are kept, in ms.
--!include keys
--!include clock
--!include publish

local function breaker_line(resource) return 'breaker ' .. resource end

local function load_breaker(resource)
  local field = redis.call('HMGET', breaker_key(resource), 'state', 'probe_at', 'prober', 'probe_by', 'by_hand', 'till',
    'woken_at')
  local breaker = {resource = resource, state = field[1] or 'closed', probe_at = tonumber(field[2] or 0),
    prober = field[3] or '', probe_by = tonumber(field[4] or 0), by_hand = field[5] == '1', till = tonumber(field[6] or ''),
    woken_at = tonumber(field[7] or 0)}
  if breaker.by_hand and breaker.till and breaker.till <= now then breaker.by_hand = false end
  return breaker
end

-- Keep a breaker in mind from now on, and forget those whose time is over.
local function keep_breaker(breaker)
  local key, for_good = breaker_key(breaker.resource), breaker.by_hand and not breaker.till
  local till = math.max(now, breaker.by_hand and tonumber(breaker.till) or now) + tonumber(ARGV.retention_ms)
  redis.call('ZREMRANGEBYSCORE', resources_key, '-inf', whole(now))
  redis.call('ZADD', resources_key, for_good and '+inf' or whole(till), breaker.resource)
  if for_good then redis.call('PERSIST', key) else redis.call('PEXPIRE', key, whole(till - now)) end
end

-- Change the state, and tell who listens.
local function turn(breaker, state, failures)
  local was = breaker.state
  breaker.state = state
  local key = breaker_key(breaker.resource)
  redis.call('HSET', key, 'state', state, 'probe_at', whole(breaker.probe_at), 'prober', breaker.prober,
    'probe_by', whole(breaker.probe_by), 'by_hand', breaker.by_hand and 1 or 0, 'till', breaker.till or '', 'woken_at', 0)
  keep_breaker(breaker)
  if was == state then return end
  redis.call('HSET', key, 'since', whole(now))
  publish(breakers_channel, '{"v":1,"resource":' .. cjson.encode(breaker.resource) .. ',"state":"' .. state ..
    '","was":"' .. was .. '","at":"' .. iso(now) .. '","failures":' .. failures .. ',"by_hand":' ..
    tostring(breaker.by_hand) .. (state == 'open' and not breaker.by_hand and
    ',"next_probe":"' .. iso(breaker.probe_at) .. '"' or '') .. '}')
end

-- From when on a call may probe; nil while another does, or a person wants none.
local function probe_from(breaker, call, interval_ms, timeout_ms)
  if breaker.by_hand then return nil end
  if breaker.prober ~= '' and breaker.prober ~= call and alive(breaker.prober) and breaker.probe_by > now and
    breaker.probe_by <= now + interval_ms + timeout_ms then return nil end -- beyond it the clock was put back
  if breaker.probe_at > now + interval_ms then -- as above
    breaker.probe_at = now + interval_ms
    redis.call('HSET', breaker_key(breaker.resource), 'probe_at', whole(breaker.probe_at))
  end
  return math.max(now, breaker.probe_at)
end
