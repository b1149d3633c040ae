-- The fleet: what live workers offer, and the sums of it. They change by what changes, so that an announcement costs the
-- same however many workers there are.
--!include dispatch

-- The slots by queue, the kinds, and the slots that are lacking for deliveries in hand, of an offer. Workers that are
-- alike offer the same, which is read once.
local read_offers = {}
local function read_offer(offer)
  read_offers[offer] = read_offers[offer] or cjson.decode(offer)
  return unpack(read_offers[offer], 1, 3)
end

local function change_sum(key, name, change)
  if change == 0 then return end -- taken away it would be -0, which is no integer to Redis before 7.2
  if redis.call('HINCRBY', key, name, change) <= 0 then redis.call('HDEL', key, name) end
end

-- Add an offer to the sums, or with -1 take it away.
local function sum_up(offer, sign)
  local slots, kinds, lacked = read_offer(offer)
  for queue, its in pairs(slots) do
    change_sum(slots_key, queue, its * sign)
    if lacked then add(lacking(queue), lacked * sign) end
    touched[queue] = true
  end
  for _, kind in ipairs(kinds) do change_sum(served_key, kind, sign) end
end

-- Note what a worker offers from now on, '' when that is nothing.
local function change_offer(worker, offer)
  local before = redis.call('HGET', offers_key, worker) or ''
  if before == offer then return end
  if before ~= '' then sum_up(before, -1) end
  if offer ~= '' then
    sum_up(offer, 1)
    redis.call('HSET', offers_key, worker, offer)
  else
    redis.call('HDEL', offers_key, worker)
  end
end
