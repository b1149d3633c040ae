-- Muster: sum up anew what live workers offer, in case a sum went wrong.
--
-- ARGV: (none of its own)
-- Returns: how many sums were wrong and are right now
-- Atomic. Idempotent. It takes some microseconds a worker.
--!include fleet

local lacks = {}
local right = {[slots_key] = {}, [served_key] = {}}
local function add_up(key, name, more) right[key][name] = (right[key][name] or 0) + more end

local offers = redis.call('HGETALL', offers_key)
for index = 1, #offers, 2 do
  if redis.call('ZSCORE', workers_key, offers[index]) then
    local slots, kinds, lacked = read_offer(offers[index + 1])
    for queue, its in pairs(slots) do
      add_up(slots_key, queue, its)
      lacks[lacking(queue)] = (lacks[lacking(queue)] or 0) + (lacked or 0)
    end
    for _, kind in ipairs(kinds) do add_up(served_key, kind, 1) end
  else
    redis.call('HDEL', offers_key, offers[index])
  end
end

local wrong = 0
local function put_right(key, name, value)
  wrong = wrong + 1
  if value then redis.call('HSET', key, name, value) else redis.call('HDEL', key, name) end
  if key == slots_key then touched[name] = true end
end

for key, sums in pairs(right) do
  local had = redis.call('HGETALL', key)
  for index = 1, #had, 2 do
    local name, value = had[index], sums[had[index]]
    if tonumber(had[index + 1]) ~= value then put_right(key, name, value) end
    sums[name] = nil
  end
  for name, value in pairs(sums) do put_right(key, name, value) end
end
for name, slots in pairs(lacks) do
  if (flow_of(name) or 0) ~= slots then
    flow[name] = slots
    wrong = wrong + 1
  end
end
dispatch_touched()
return wrong
