-- Announce: keep a worker known as alive, the kinds that it brings known, and the slots of the fleet up to date.
--
-- ARGV: worker, ttl_ms (0 withdraws it), announcement (as JSON with "slots": {queue: number}, "kinds": [name, ...] and
--   "draining": whether it takes no more), then for each kind that it makes known: kind, contract (JSON)
-- Returns: {how many workers are alive, how many of its kinds have no contract here}
-- Atomic. Idempotent. Jobs that no worker knew so far stand in line again when their kind is announced. A kind that no
-- live worker has stays known for as long as jobs are kept, so that one can be asked for while its workers start anew.
--!include record

local name, ttl = ARGV.worker, tonumber(ARGV.ttl_ms)
redis.call('ZREMRANGEBYSCORE', workers_key, '-inf', whole(now))
if ttl > 0 then
  redis.call('SET', worker_key(name), ARGV.announcement, 'PX', ttl)
  redis.call('ZADD', workers_key, whole(now + ttl), name)
else
  redis.call('DEL', worker_key(name))
  redis.call('ZREM', workers_key, name)
end

local function see(kind) redis.call('ZADD', kinds_seen_key, whole(now), kind) end

for each in items(ARGV) do
  redis.call('HSET', kinds_key, ARGV[each].kind, ARGV[each].contract)
  see(ARGV[each].kind)
end

local alive, slots = redis.call('ZRANGE', workers_key, 0, -1), {}
redis.call('DEL', served_key)
for _, worker in ipairs(alive) do
  local announcement = redis.call('GET', worker_key(worker))
  local facts = announcement and cjson.decode(announcement)
  if facts and not facts.draining then
    for queue, free in pairs(facts.slots) do slots[queue] = (slots[queue] or 0) + free end
    for _, kind in ipairs(facts.kinds or {}) do
      redis.call('SADD', served_key, kind)
      see(kind)
    end
  end
end
redis.call('DEL', slots_key)
for queue, all in pairs(slots) do
  redis.call('HSET', slots_key, queue, all)
  touched[queue] = true
end

local function line_up_stranded(kind)
  for _, id in ipairs(redis.call('ZRANGE', stranded_key(kind), 0, 199)) do
    local job = load_job(id)
    if job and slots[job.queue] then stand(job) end
    -- One whose queue nobody serves stays: its kind may have moved to another queue, and the old workers may come back.
    if not job or slots[job.queue] then redis.call('ZREM', stranded_key(kind), id) end
  end
end

local function forget_kinds(before)
  for _, kind in ipairs(redis.call('ZRANGEBYSCORE', kinds_seen_key, '-inf', whole(before))) do
    if redis.call('EXISTS', stranded_key(kind)) == 0 then
      redis.call('HDEL', kinds_key, kind)
      redis.call('ZREM', kinds_seen_key, kind)
    end
  end
end

forget_kinds(now - tonumber(ARGV.retention_ms))
local unknown = 0
if ttl > 0 then
  for _, kind in ipairs(cjson.decode(ARGV.announcement).kinds or {}) do
    line_up_stranded(kind)
    if redis.call('HEXISTS', kinds_key, kind) == 0 then unknown = unknown + 1 end
  end
end
dispatch_touched()
return {#alive, unknown}
