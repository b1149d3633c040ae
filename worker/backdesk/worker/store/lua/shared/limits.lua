-- The limits that dispatch keeps: how many jobs may run at once, and how often one may begin. A scope names what a limit
-- is about: 'queue agents', 'kind orders.audit', 'tenant acme', 'tenant acme kind orders.audit'.
--!include keys
--!include clock

-- How often a scope that is full is looked at, in case the end that made room was not noticed. ms.
local LOOK_AGAIN_MS = 1000
-- A rate makes up for this much lateness of ours, besides its burst. µs.
local LATENESS_US = 150000

local now_us = now * 1000
-- The scopes in which this script has made room.
local freed = {}

-- The flow: numbers by name, kept in one hash. What this script has read of it, and what it was then.
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

-- A number of the flow, or false.
local function flow_of(name)
  if flow[name] == nil then read_flow(name) end
  return flow[name]
end

local function add(name, change) flow[name] = (flow_of(name) or 0) + change end

-- The number of the recount under way (recount.lua), or false. It counts the flow anew, job by job; from then on what a
-- job that it has come to takes and leaves changes both counts.
local function recount_under_way() return flow_of('recount') ~= 0 and flow_of('recount') end

local function is_recounted(job)
  local number = recount_under_way()
  return number and tonumber(job.recounted) == number
end

-- What this script has changed in the new count.
local newly_counted = {}
local function count_newly(name, change) newly_counted[name] = (newly_counted[name] or 0) + change end

-- Change a number that says what delivered and running jobs take.
local function tally(name, change, recounts)
  add(name, change)
  if recounts then count_newly(name, change) end
end

-- Values that one command is given at most; Lua passes no more than 8,000. Even, so that pairs stay together.
local MOST_VALUES = 1000

local function in_parts(command, key, values)
  for first = 1, #values, MOST_VALUES do
    redis.call(command, key, unpack(values, first, math.min(first + MOST_VALUES - 1, #values)))
  end
end

local function write_flow()
  local set, gone = {}, {}
  for name, value in pairs(flow) do
    if value == 0 and flow_before[name] then
      gone[#gone + 1] = name
    elseif value and value ~= 0 and value ~= flow_before[name] then
      set[#set + 1] = name
      set[#set + 1] = string.format('%.15g', value)
    end
  end
  in_parts('HSET', flow_key, set)
  in_parts('HDEL', flow_key, gone)
  for name, change in pairs(newly_counted) do redis.call('HINCRBY', recounted_key, name, whole(change)) end
end

-- Policies are text: weight, most at once, µs between two and burst; '~' for what is not set and '-' for no limit.
-- What a tenant has not set is as for all tenants.
local UNSET = {'~', '~', '~', '~'}

--!rare
local function parsed(text)
  if not text then return UNSET end
  return {text:match('^(%S+) (%S+) (%S+) (%S+)')}
end

--!rare
local function either(own, general, index)
  return tonumber(own[index] ~= '~' and own[index] or general[index])
end

-- A limit by what is set for a scope and for all like it; false when there is none.
--!rare
local function limit_from(own, general)
  local rate = own[3] ~= '~' and own or general
  local most, interval = either(own, general, 2), tonumber(rate[3])
  if not most and not interval then return false end
  -- How far behind its pace a rate may be and still make up for it.
  local slack = interval and math.max(LATENESS_US, ((tonumber(rate[4]) or 1) - 1) * interval)
  return {most = most, interval = interval, slack = slack}
end

local known_limits = {}
--!rare
local function limit_of(scope)
  if known_limits[scope] == nil then
    local tenant, rest = scope:match('^tenant (%S+)(.*)$')
    local text = redis.call('HMGET', policy_key, scope, tenant and 'tenant *' .. rest or scope)
    known_limits[scope] = limit_from(parsed(text[1]), parsed(text[2]))
  end
  return known_limits[scope]
end

-- The line in which a job stands: that of its kind, or where it was said how many slots it takes, of such jobs of it.
local function line_of(job) return job.slots and job.kind .. '*' .. job.slots or job.kind end

-- The kind of a line, and how many slots were said for its jobs.
local function read_line(line)
  if not line:find('*', 1, true) then return line end
  local kind, slots = line:match('^(.+)%*(%d+)$')
  return kind, tonumber(slots)
end

-- A place is a line of a tenant in a queue, with what applies there: the weight of the tenant, the scopes that its jobs
-- count in, and those of them that have a limit.
local function scopes_of(queue, tenant, kind)
  return {'queue ' .. queue, 'tenant ' .. tenant, 'kind ' .. kind, 'tenant ' .. tenant .. ' kind ' .. kind}
end

local places = {}
local function place_of(queue, tenant, line)
  local name = queue .. ' ' .. tenant .. ' ' .. line
  if places[name] then return places[name] end
  local kind, slots = read_line(line)
  local scopes = scopes_of(queue, tenant, kind)
  local place = {queue = queue, tenant = tenant, line = line, kind = kind, weight = 1, scopes = scopes, limited = {},
    slots = slots}
  places[name] = place
  local text = redis.call('HMGET', policy_key, scopes[1], scopes[2], scopes[3], scopes[4], 'tenant *',
    'tenant * kind ' .. kind)
  if not (text[1] or text[2] or text[3] or text[4] or text[5] or text[6]) then return place end
  local general = {UNSET, parsed(text[5]), UNSET, parsed(text[6])}
  place.weight = either(parsed(text[2]), general[2], 1) or 1
  for index, scope in ipairs(scopes) do
    known_limits[scope] = limit_from(parsed(text[index]), general[index])
    if known_limits[scope] then place.limited[#place.limited + 1] = scope end
  end
  return place
end

-- Scopes count slots. By what those of a queue take beyond one each, it is told how many jobs they are. A worker announces
-- how many slots those of a kind take (announce.lua).
local function surplus(queue) return 'surplus ' .. queue end
local function slots_of(kind) return 'slots ' .. kind end

-- What workers lack for the deliveries that they have in hand (announce.lua). These count as if they ran, and the workers
-- as if they had the slots: what is free is then what others have.
local function lacking(queue) return 'lacking ' .. queue end

-- What is left under a cap is kept, where it is too little for the job that is next: else those that take fewer slots
-- would come before it for ever.
local function kept_in(scope) return 'kept ' .. scope end
local function is_kept(scope) return (flow_of(kept_in(scope)) or 0) > 0 end

-- Read all that is counted for a place, and for the room of its queue, in one command, and how many slots its jobs take.
local function read_place(place)
  if place.read then return end
  local scopes, kept = place.scopes, {}
  for index, scope in ipairs(place.limited) do kept[index] = kept_in(scope) end
  read_flow(scopes[1], scopes[2], scopes[3], scopes[4], 'cost ' .. place.kind, 'seconds ' .. place.queue,
    'prepaid ' .. place.queue .. ' ' .. place.tenant, 'recount', slots_of(place.kind), lacking(place.queue), unpack(kept))
  place.read, place.slots = true, place.slots or flow[slots_of(place.kind)] or 1
end

-- Count a delivery in all scopes of its place, until the job ends or is withdrawn.
local function occupy(place)
  read_place(place)
  for _, scope in ipairs(place.scopes) do tally(scope, place.slots, recount_under_way()) end
  if place.slots > 1 then tally(surplus(place.queue), place.slots - 1, recount_under_way()) end
end

local function vacate(place, job)
  read_place(place)
  for _, scope in ipairs(place.scopes) do
    tally(scope, -(job.taken or 1), is_recounted(job))
    freed[scope] = true
  end
  if not job.taken then return end
  tally(surplus(place.queue), 1 - job.taken, is_recounted(job))
  redis.call('HDEL', job_key(job.id), 'taken')
end

-- A rate is a bucket (GCRA, ITU-T I.371: of a scope only the theoretical arrival time of the next job is kept, in µs).
-- It advances when a job begins. What is delivered has not begun, and is counted as if it began now: so that those that
-- had to wait for a slot cannot begin all at once.
local function unbegun(scope) return 'unbegun ' .. scope end

--!rare
local function set_bucket(scope, limit, time)
  -- A bucket that lags by its slack is as good as none. A minute more, for a clock that is adjusted.
  local life = math.ceil((time - now_us + limit.slack) / 1000) + 60000
  redis.call('SET', rate_key(scope), whole(time), 'PX', whole(life))
end

-- Where the bucket stands. More than one interval ahead, the clock was set back or the rate was raised.
--!rare
local function bucket(scope, limit)
  local time, farthest = tonumber(redis.call('GET', rate_key(scope)) or 0), now_us + limit.interval
  if time > farthest then
    time = farthest
    set_bucket(scope, limit, time)
  end
  return math.max(time, now_us - limit.slack)
end

-- µs at which the rate of a scope lets the next job be delivered.
--!rare
local function next_us(scope, limit)
  return bucket(scope, limit) + (flow_of(unbegun(scope)) or 0) * limit.interval
end

-- The same in ms, and ms between two; nil when the scope has no rate.
local function conforms_at(scope)
  local limit = scope and limit_of(scope)
  if not limit or not limit.interval then return nil end
  return math.ceil(next_us(scope, limit) / 1000), limit.interval / 1000
end

-- The slots that are left under the cap of a scope.
--!rare
local function left_of(scope)
  local limit = limit_of(scope)
  return limit and limit.most and limit.most - (flow_of(scope) or 0) or math.huge
end

-- How many more jobs of one slot may be delivered in a scope now.
--!rare
local function room_of(scope)
  local limit, left = limit_of(scope), left_of(scope)
  if not limit or not limit.interval then return left end
  return math.min(left, math.floor((now_us - next_us(scope, limit)) / limit.interval) + 1)
end

-- Whether a cap has no room for a job of a place. One that takes more than the whole cap begins when nothing else runs.
--!rare
local function is_full(scope, place)
  read_place(place)
  local most, left = limit_of(scope).most, left_of(scope)
  return most and (left < math.max(math.min(place.slots, most), 1) or is_kept(scope))
end

-- The scope that has no room for a job of a place, and when it will have, in ms, if that is known.
local function in_the_way(place)
  local full, time
  for _, scope in ipairs(place.limited) do
    if is_full(scope, place) then return scope end
    if room_of(scope) < 1 then
      local conforming = conforms_at(scope)
      if not time or conforming > time then full, time = scope, conforming end
    end
  end
  return full, time
end

-- Count a delivery in the rates of its place. Returns their scopes as text, '' when there are none.
local function reserve_rates(place)
  local rated = {}
  for _, scope in ipairs(place.limited) do
    if limit_of(scope).interval then
      tally(unbegun(scope), 1, recount_under_way())
      rated[#rated + 1] = scope
    end
  end
  return table.concat(rated, ',')
end

-- A delivered job begins, or is withdrawn before it did.
local function settle_rates(job, begins)
  if not job.rated then return end
  redis.call('HDEL', job_key(job.id), 'rated')
  for scope in job.rated:gmatch('[^,]+') do
    tally(unbegun(scope), -1, is_recounted(job))
    freed[scope] = true
    local limit = begins and limit_of(scope)
    if limit and limit.interval then set_bucket(scope, limit, bucket(scope, limit) + limit.interval) end
  end
end
