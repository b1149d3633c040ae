-- Announce: keep a worker known as alive, and the slots of the fleet up to date.
--
-- ARGV: prefix, now ms or '', idle window, worker, time to live in ms (0 withdraws it), its announcement as JSON with
--   "slots": {queue: number}
-- Returns: how many workers are alive
-- Atomic. Idempotent.
--!include dispatch

local name, ttl = ARGV[4], tonumber(ARGV[5])
redis.call('ZREMRANGEBYSCORE', workers_key, '-inf', whole(now))
if ttl > 0 then
  redis.call('SET', worker_key(name), ARGV[6], 'PX', ttl)
  redis.call('ZADD', workers_key, whole(now + ttl), name)
else
  redis.call('DEL', worker_key(name))
  redis.call('ZREM', workers_key, name)
end

local alive, slots = redis.call('ZRANGE', workers_key, 0, -1), {}
for _, worker in ipairs(alive) do
  local announcement = redis.call('GET', worker_key(worker))
  if announcement then
    for queue, count in pairs(cjson.decode(announcement).slots) do slots[queue] = (slots[queue] or 0) + count end
  end
end
redis.call('DEL', slots_key)
for queue, count in pairs(slots) do
  redis.call('HSET', slots_key, queue, count)
  dispatch(queue, tonumber(ARGV[3]))
end
return #alive
