-- Announce: keep a worker known as alive, the kinds that it brings known, and the slots of the fleet up to date.
--
-- ARGV: worker, ttl_ms (0 withdraws it), announcement (as JSON with "slots": {queue: number}, "kinds": [name, ...],
--   "versions": what it may do with jobs that others have begun, "gathering": ids of deliveries that it has in hand until
--   it has the slots for them, "lacking": how many it lacks for them, and "draining": whether it takes no more), then for each kind that it makes known: kind, contract (JSON),
--   slots (that a job of it takes)
-- Returns: {how many workers are alive, how many of its kinds have no contract here, ids in hand whose jobs are no longer to
--   be run by that delivery}
-- Atomic. Idempotent. Jobs that no worker could run so far stand in line again when one that can announces itself. A kind that no
-- live worker has stays known for as long as jobs are kept, so that one can be asked for while its workers start anew. What
-- it costs does not grow with the number of workers.
--!include stranding
--!include fleet

local MOST_GONE = 20 -- workers that are given up at once
local name, ttl, said = ARGV.worker, tonumber(ARGV.ttl_ms), cjson.decode(ARGV.announcement)
local kinds, stays = ttl > 0 and said.kinds or {}, ttl > 0 and not said.draining

for _, gone in ipairs(redis.call('ZRANGEBYSCORE', workers_key, '-inf', whole(now), 'LIMIT', 0, MOST_GONE)) do
  redis.call('ZREM', workers_key, gone)
  if gone ~= name then change_offer(gone, '') end
end
if ttl > 0 then
  redis.call('SET', worker_key(name), ARGV.announcement, 'PX', ttl)
  redis.call('ZADD', workers_key, whole(now + ttl), name)
else
  redis.call('DEL', worker_key(name))
  redis.call('ZREM', workers_key, name)
end
-- What it offers to jobs: kinds, and versions of them. By name, too.
local offers, offered = {}, {}
for _, names in ipairs({kinds, said.versions or {}}) do
  for _, offer in ipairs(names) do
    offers[#offers + 1] = offer
    offered[offer] = true
  end
end
local largest = 0
for queue, its in pairs(said.slots or {}) do
  offers[#offers + 1] = size_offer(queue, its)
  largest = math.max(largest, its)
end
change_offer(name, stays and cjson.encode{said.slots or {}, offers, said.lacking} or '')

-- What it has in hand is not lost, however long that takes (redispatch.lua).
local withdrawn = {}
for _, id in ipairs(stays and said.gathering or {}) do
  local job = load_job(id)
  if job and redis.call('ZSCORE', window_key(job.queue), id) then
    redis.call('ZADD', window_key(job.queue), 'XX', whole(now), id)
  else
    withdrawn[#withdrawn + 1] = id
  end
end

local seen = {}
local function see(kind)
  seen[#seen + 1] = whole(now)
  seen[#seen + 1] = kind
end

for each in items(ARGV) do
  redis.call('HSET', kinds_key, ARGV[each].kind, ARGV[each].contract)
  local name, slots = slots_of(ARGV[each].kind), tonumber(ARGV[each].slots)
  if slots ~= (flow_of(name) or 1) then flow[name] = slots > 1 and slots or 0 end
  see(ARGV[each].kind)
end
if stays then
  for _, kind in ipairs(kinds) do see(kind) end
end
in_parts('ZADD', kinds_seen_key, seen)

local stranded_left = 200 -- that stand in line again at once
local function line_up_stranded(need)
  for _, id in ipairs(redis.call('ZRANGE', stranded_key(need), 0, stranded_left - 1)) do
    local job = load_job(id)
    local queued = job and job.state == 'queued'
    local served = queued and redis.call('HEXISTS', slots_key, job.queue) == 1
    if served then stand(job) end
    -- One whose queue nobody serves stays: its kind may have moved to another queue, and the old workers may come back.
    if not queued or served then
      redis.call('ZREM', stranded_key(need), id)
      if job then redis.call('HDEL', job_key(id), 'stranded') end
    end
    stranded_left = stranded_left - 1
  end
end

local function meets(need)
  local fit, slots = fitting(need)
  if slots and slots > largest then return false end
  for _, offer in ipairs(fit) do
    if offered[offer] then return true end
  end
  return false
end

-- Returns the kinds of which jobs are stranded still.
local function look_at_stranded()
  local left = {}
  for _, need in ipairs(redis.call('SMEMBERS', strandings_key)) do
    if stranded_left > 0 and meets(need) then line_up_stranded(need) end
    if redis.call('EXISTS', stranded_key(need)) == 0 then
      redis.call('SREM', strandings_key, need)
    else
      left[read_line(need:match('^[^:]+'))] = true
    end
  end
  return left
end

-- Forget a queue that no kind runs from any more, and in which nothing is.
local function forget_queue(queue)
  for _, contract in ipairs(redis.call('HVALS', kinds_key)) do
    if cjson.decode(contract).queue == queue then return end
  end
  if redis.call('EXISTS', lane_key(queue), window_key(queue)) > 0 or redis.call('HEXISTS', slots_key, queue) == 1 then return end
  redis.call('DEL', virtual_time_key(queue), departed_key(queue))
  redis.call('HDEL', flow_key, 'seconds ' .. queue)
end

local function forget_kind(kind)
  local contract = redis.call('HGET', kinds_key, kind)
  redis.call('HDEL', kinds_key, kind)
  redis.call('ZREM', kinds_seen_key, kind)
  redis.call('HDEL', flow_key, 'cost ' .. kind, slots_of(kind))
  if not contract then return end
  local queue = cjson.decode(contract).queue
  redis.call('HDEL', totals_key, queue .. ' ' .. kind)
  forget_queue(queue)
end

local function forget_kinds(before, stranded)
  for _, kind in ipairs(redis.call('ZRANGEBYSCORE', kinds_seen_key, '-inf', whole(before))) do
    if not stranded[kind] then forget_kind(kind) end
  end
end

forget_kinds(now - tonumber(ARGV.retention_ms), look_at_stranded())
local unknown = 0
for _, kind in ipairs(kinds) do
  if redis.call('HEXISTS', kinds_key, kind) == 0 then unknown = unknown + 1 end
end
dispatch_touched()
return {redis.call('ZCOUNT', workers_key, '(' .. whole(now), '+inf'), unknown, withdrawn}
