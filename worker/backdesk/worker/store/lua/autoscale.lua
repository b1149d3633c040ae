-- Autoscale: reckon how many slots a queue could use now: those that are taken, and those that its jobs in line would take
-- as far as limits and pauses let them.
--
-- ARGV: queue
-- Returns: running (in slots, as the others), runnable, held (by limits and pauses)
-- Atomic. Idempotent: it changes nothing. It looks at so many tenants and held places at most, and reckons the rest from
-- them.
--!include limits

local MOST_PLACES = 200
local queue = ARGV.queue
local average_us = (flow_of('seconds ' .. queue) or 1) * 1e6
-- The slots that are left in each scope, by what was reckoned so far; and of each kind those that its tenants may take.
local left, of_kinds, waiting = {}, {}, 0

-- A rate keeps as many running as begin while one of them lasts.
local function room_in(scope)
  if left[scope] == nil then
    local limit = limit_of(scope)
    local most = limit and limit.most or math.huge
    if limit and limit.interval then most = math.min(most, math.ceil(average_us / limit.interval)) end
    left[scope] = math.max(most - (flow_of(scope) or 0), 0)
  end
  return left[scope]
end

-- Add a line of a tenant, which stands for so many like it.
local function add_line(tenant, line, times)
  local kind, slots = read_line(line)
  slots = redis.call('ZCARD', line_key(queue, tenant, line)) * (slots or flow_of(slots_of(kind)) or 1)
  local scopes = {'tenant ' .. tenant, 'tenant ' .. tenant .. ' kind ' .. kind}
  local may = math.min(slots, room_in(scopes[1]), room_in(scopes[2]))
  for _, scope in ipairs(scopes) do left[scope] = left[scope] - may end
  waiting, of_kinds[kind] = waiting + slots * times, (of_kinds[kind] or 0) + may * times
end

local function add_ready(tenant, times)
  for _, line in ipairs(redis.call('ZRANGE', ready_key(queue, tenant), 0, MOST_PLACES - 1)) do
    add_line(tenant, line, times)
  end
end

local function add_lane()
  local tenants = redis.call('ZRANGE', lane_key(queue), 0, MOST_PLACES - 1)
  local times = redis.call('ZCARD', lane_key(queue)) / math.max(#tenants, 1)
  for _, tenant in ipairs(tenants) do add_ready(tenant, times) end
end

-- What a limit holds may have room meanwhile, or be held by a rate.
local function add_held()
  local found = redis.call('HSCAN', held_key, 0, 'COUNT', MOST_PLACES)[2]
  local times = redis.call('HLEN', held_key) / math.max(#found / 2, 1)
  for index = 1, #found, 2 do
    local its, tenant, line = found[index]:match('^(%S+) (%S+) ?(%S*)$')
    if its == queue and line ~= '' then add_line(tenant, line, times) end
    if its == queue and line == '' then add_ready(tenant, times) end
  end
end

-- The slots of jobs that are delivered and not claimed; they are few.
local function delivered()
  local slots = redis.call('ZCARD', window_key(queue))
  if (flow_of(surplus(queue)) or 0) == 0 then return slots end
  for _, id in ipairs(redis.call('ZRANGE', window_key(queue), 0, MOST_PLACES - 1)) do
    slots = slots + (redis.call('HGET', job_key(id), 'taken') or 1) - 1
  end
  return slots
end

add_lane()
add_held()
local in_line = 0
for kind, slots in pairs(of_kinds) do in_line = in_line + math.min(slots, room_in('kind ' .. kind)) end
in_line = math.floor(math.min(in_line, room_in('queue ' .. queue)) + 0.5)
local ready, taken = delivered(), flow_of('queue ' .. queue) or 0
return reply{
  running = math.max(taken - ready, 0),
  runnable = ready + in_line,
  held = math.max(math.floor(waiting + 0.5) - in_line, 0),
}
