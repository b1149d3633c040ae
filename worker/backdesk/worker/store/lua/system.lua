-- System: count what runs, what is queued and what there is to run it, and read the notice of a maintenance.
--
-- ARGV: then for each queue: name
-- Returns: now (in ms), running, queued, slots, workers (alive), notice (of a maintenance as JSON, or ''), queues (for
--   each {name, running, queued, slots})
-- Atomic. Idempotent: it changes nothing. It looks at so many tenants of a queue at most, and reckons the rest from them.
--!include fleet

local MOST_PLACES = 200
local queues, order = {}, {}

local function queue_of(name)
  if not queues[name] then
    queues[name] = {queued = 0, slots = 0}
    order[#order + 1] = name
  end
  return queues[name]
end

local function ready_jobs(queue, tenant)
  local waiting = 0
  for _, line in ipairs(redis.call('ZRANGE', ready_key(queue, tenant), 0, -1)) do
    waiting = waiting + redis.call('ZCARD', line_key(queue, tenant, line))
  end
  return waiting
end

-- What the first of many places came to, for all of them.
local function reckoned(counted, looked_at, all)
  return looked_at < all and math.floor(counted * all / looked_at + 0.5) or counted
end

local function in_lane(queue)
  local tenants, waiting = redis.call('ZRANGE', lane_key(queue), 0, MOST_PLACES - 1), 0
  for _, tenant in ipairs(tenants) do waiting = waiting + ready_jobs(queue, tenant) end
  return reckoned(waiting, #tenants, redis.call('ZCARD', lane_key(queue)))
end

local function add_held()
  local found = redis.call('HSCAN', held_key, 0, 'COUNT', MOST_PLACES)[2]
  local all, waiting = redis.call('HLEN', held_key), {}
  for index = 1, #found, 2 do
    local queue, tenant, line = found[index]:match('^(%S+) (%S+) ?(%S*)$')
    local jobs = line == '' and ready_jobs(queue, tenant) or redis.call('ZCARD', line_key(queue, tenant, line))
    waiting[queue] = (waiting[queue] or 0) + jobs
  end
  for queue, jobs in pairs(waiting) do
    local its = queue_of(queue)
    its.queued = its.queued + reckoned(jobs, #found / 2, all)
  end
end

-- Of a worker that serves several queues the slots count once in the sum.
local function add_workers()
  local alive, slots = redis.call('ZCOUNT', workers_key, '(' .. whole(now), '+inf'), 0
  for _, offer in ipairs(alive > 0 and redis.call('HVALS', offers_key) or {}) do
    local most = 0
    for queue, its in pairs(read_offer(offer)) do
      queue_of(queue).slots = queue_of(queue).slots + its
      most = math.max(most, its)
    end
    slots = slots + most
  end
  return slots, alive
end

for each in items(ARGV) do queue_of(ARGV[each].name) end
local slots, workers = add_workers()
add_held()
local told = {}
for _, name in ipairs(order) do
  local its, delivered = queues[name], redis.call('ZCARD', window_key(name))
  local running = math.max((flow_of('queue ' .. name) or 0) - (flow_of(surplus(name)) or 0) - delivered, 0)
  told[#told + 1] = {name, running, its.queued + in_lane(name) + delivered, its.slots}
end
return reply{
  now = whole(now),
  running = redis.call('ZCARD', state_key('running')),
  queued = redis.call('ZCARD', state_key('queued')),
  slots = slots,
  workers = workers,
  notice = redis.call('GET', maintenance_key) or '',
  queues = told,
}
