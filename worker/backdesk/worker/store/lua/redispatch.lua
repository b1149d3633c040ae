-- Redispatch: deliver again what Celery was given and lost between its list and a claim.
--
-- ARGV: queue, age_ms (from which a delivery is looked for)
-- Returns: how many deliveries were repeated
-- Atomic. A delivery that still stands in Celery's list is left alone, however long it has waited.
--!include dispatch

local queue, age_ms = ARGV.queue, tonumber(ARGV.age_ms)
local window, list = window_key(queue), deliveries_key(queue)
local old = redis.call('ZRANGEBYSCORE', window, '-inf', whole(now - age_ms))
local repeated = 0
if #old > 0 and redis.call('LLEN', list) < redis.call('ZCARD', window) then
  local standing = {}
  for _, message in ipairs(redis.call('LRANGE', list, 0, -1)) do standing[message] = true end
  for _, id in ipairs(old) do
    if not standing[delivery(id)] then
      deliver(queue, id)
      repeated = repeated + 1
    end
  end
end
touched[queue] = true
dispatch_touched()
return repeated
