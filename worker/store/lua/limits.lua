-- The limits that dispatch keeps: how many jobs of a tenant, a kind or a queue may run at once, and how often they may
-- begin. A scope names one limit: 'queue agents', 'kind orders.audit', 'tenant acme', 'tenant acme kind orders.audit'.
--!include keys
--!include clock

-- How often a scope that is full is looked at, in case the end that made room was not noticed. ms.
local LOOK_AGAIN_MS = 1000
-- A rate makes up for this much lateness of ours, besides its burst. µs.
local LATENESS = 150000

local now_us = now * 1000
-- The scopes in which this script has made room.
local freed = {}
local policies = {}
-- What this script has read of the flow, what it was then, and what is to be written in the end.
local flow, flow_before = {}, {}

local function read_flow(...)
  local values = redis.call('HMGET', flow_key, ...)
  for index, name in ipairs({...}) do
    if flow[name] == nil then
      flow[name] = tonumber(values[index]) or false
      flow_before[name] = flow[name]
    end
  end
end

local function write_flow()
  local set, gone = {}, {}
  for name, value in pairs(flow) do
    if value == 0 and flow_before[name] then
      gone[#gone + 1] = name
    elseif value and value ~= 0 and value ~= flow_before[name] then
      set[#set + 1] = name
      set[#set + 1] = string.format('%.6g', value)
    end
  end
  if #set > 0 then redis.call('HSET', flow_key, unpack(set)) end
  if #gone > 0 then redis.call('HDEL', flow_key, unpack(gone)) end
end

-- How many jobs of a scope are delivered or run.
local function taken(scope)
  if flow[scope] == nil then read_flow(scope) end
  return flow[scope] or 0
end

local function count(queue, tenant, kind, change)
  local scopes = {'queue ' .. queue, 'tenant ' .. tenant, 'kind ' .. kind}
  if flow[scopes[2]] == nil or flow[scopes[3]] == nil then
    read_flow(scopes[1], scopes[2], scopes[3], 'cost ' .. kind, 'seconds ' .. queue)
  end
  for _, scope in ipairs(scopes) do flow[scope] = taken(scope) + change end
end

local function occupy(queue, tenant, kind) count(queue, tenant, kind, 1) end

local function vacate(queue, tenant, kind)
  count(queue, tenant, kind, -1)
  freed['tenant ' .. tenant], freed['kind ' .. kind] = true, true
end

-- Policies are text: weight, most at once, µs between two and burst; '~' for what is not set and '-' for no limit.
-- What a tenant has not set is as for all tenants.
local UNSET = {'~', '~', '~', '~'}
local FREE = {unlimited = true, scopes = {}, weight = 1}

local function parsed(text)
  if not text then return UNSET end
  return {text:match('^(%S+) (%S+) (%S+) (%S+)')}
end

local function either(own, general, index)
  return tonumber(own[index] ~= '~' and own[index] or general[index])
end

local function limit_of(own, general)
  local rate = own[3] ~= '~' and own or general
  return {most = either(own, general, 2), interval = tonumber(rate[3]), burst = tonumber(rate[4]) or 1}
end

-- When a scope's rate lets the next job begin: µs, from its bucket (GCRA, ITU-T I.371: the theoretical arrival time).
-- After a clock that was set back, a time farther ahead than one interval cannot be right.
local function arrival(scope, interval)
  return math.min(tonumber(redis.call('GET', rate_key(scope)) or 0), now_us + interval)
end

local function limits_of(scope)
  if policies[scope] == nil then
    local tenant, rest = scope:match('^tenant (%S+)(.*)$')
    local text = redis.call('HMGET', policy_key, scope, tenant and 'tenant *' .. rest or scope)
    policies[scope] = (text[1] or text[2]) and limit_of(parsed(text[1]), parsed(text[2])) or false
  end
  return policies[scope]
end

-- ms at which the rate of a scope lets the next job begin, and ms between two; nil when it has none.
local function conforms_at(scope)
  local limit = scope and limits_of(scope)
  if not limit or not limit.interval then return nil end
  return math.ceil(arrival(scope, limit.interval) / 1000), limit.interval / 1000
end

-- How many more jobs of a scope may begin now.
local function room_of(scope)
  local limit = limits_of(scope)
  if not limit then return math.huge end
  local places = limit.most and limit.most - taken(scope) or math.huge
  if not limit.interval then return places end
  local from = math.max(arrival(scope, limit.interval), now_us - math.max(LATENESS, (limit.burst - 1) * limit.interval))
  return math.min(places, from <= now_us and math.floor((now_us - from) / limit.interval) + 1 or 0)
end

-- What dispatch must know of a place: its tenant's weight, and whether a limit is in the way.
local function policy_of(queue, tenant, kind)
  local name = queue .. ' ' .. tenant .. ' ' .. kind
  if policies[name] then return policies[name] end
  local scopes = {'queue ' .. queue, 'tenant ' .. tenant, 'kind ' .. kind, 'tenant ' .. tenant .. ' kind ' .. kind}
  local text = redis.call('HMGET', policy_key, scopes[1], scopes[2], scopes[3], scopes[4], 'tenant *',
    'tenant * kind ' .. kind)
  local any = text[1] or text[2] or text[3] or text[4] or text[5] or text[6]
  if not any then
    policies[name] = FREE
    return FREE
  end
  local general = {UNSET, parsed(text[5]), UNSET, parsed(text[6])}
  local policy = {unlimited = true, scopes = {}, weight = either(parsed(text[2]), general[2], 1) or 1}
  for index, scope in ipairs(scopes) do
    local limit = limit_of(parsed(text[index]), general[index])
    policies[scope] = limit
    if limit.most or limit.interval then
      policy.unlimited = false
      policy.scopes[#policy.scopes + 1] = scope
    end
  end
  -- The scope that has no room, and when it will have, if that is known.
  function policy.in_the_way()
    local full, time
    for _, scope in ipairs(policy.scopes) do
      if room_of(scope) <= 0 then
        local limit = limits_of(scope)
        if limit.most and taken(scope) >= limit.most then return scope end
        local conforming = conforms_at(scope)
        if not time or conforming > time then full, time = scope, conforming end
      end
    end
    return full, time
  end
  policies[name] = policy
  return policy
end

local function advance_rates(queue, tenant, kind)
  for _, scope in ipairs(policy_of(queue, tenant, kind).scopes) do
    local limit = limits_of(scope)
    if limit.interval then
      local slack = math.max(LATENESS, (limit.burst - 1) * limit.interval)
      local time = math.max(arrival(scope, limit.interval), now_us - slack) + limit.interval
      redis.call('SET', rate_key(scope), whole(time), 'PX', whole(math.ceil((time - now_us + slack) / 1000) + 1000))
    end
  end
end
