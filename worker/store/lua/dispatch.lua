-- Dispatch: moves jobs from the tenants' lines into the bounded window of deliveries that Celery holds.
-- ARGV[3]: idle window, the deliveries kept in Celery while no worker is alive.
--!include keys
--!include clock

-- The queues in which this script made room or put a job in line; `dispatch_touched` ends such a script.
local touched = {}

-- Tenants advance equally: every pick costs one stride of virtual time (stride scheduling, Waldspurger 1995).
local STRIDE = 1

-- What Celery reads: protocol 2 with an empty body, because the job store holds the request.
local function native_delivery(id, kind, queue, tenant)
  return '{"body":"[[],{},{}]","content-encoding":"utf-8","content-type":"application/json","headers":{"lang":"py",' ..
    '"task":' .. cjson.encode(kind) .. ',"id":"' .. id .. '","root_id":"' .. id .. '","parent_id":null,"group":null,' ..
    '"argsrepr":"","kwargsrepr":"tenant=' .. tenant .. '","origin":"backdesk","ignore_result":true,"retries":0},' ..
    '"properties":{"correlation_id":"' .. id .. '","delivery_tag":"' .. id .. '","delivery_mode":2,"priority":0,' ..
    '"delivery_info":{"exchange":"","routing_key":"' .. celery_list(queue) .. '"}}}'
end

-- The message of a job is always the same text, so that it can be looked for in Celery's list.
local function delivery(id)
  local field = redis.call('HMGET', job_key(id), 'delivery', 'kind', 'queue', 'tenant')
  return field[1] or native_delivery(id, field[2], field[3], field[4])
end

-- About twice the slots that live workers announce: enough to keep them busy, little enough that order can change.
local function window_size(queue)
  local slots = tonumber(redis.call('HGET', slots_key, queue) or 0)
  return slots > 0 and 2 * slots or tonumber(ARGV[3])
end

local function deliver(queue, id)
  redis.call('ZADD', window_key(queue), whole(now), id)
  redis.call('LPUSH', celery_list(queue), delivery(id))
end

-- Take a tenant with an empty line out of the lane, and remember how far it had come while that is ahead of the others:
-- one that sends a job at a time would otherwise be first each time.
local function depart(queue, tenant)
  local reached = redis.call('ZSCORE', lane_key(queue), tenant)
  redis.call('ZREM', lane_key(queue), tenant)
  redis.call('ZADD', departed_key(queue), reached, tenant)
  redis.call('ZREMRANGEBYSCORE', departed_key(queue), '-inf', redis.call('GET', virtual_time_key(queue)) or '0')
end

-- Give the slots of the window to the tenant with the least virtual time, one job at a time. O(log n) a job.
local function dispatch(queue)
  local free = window_size(queue) - redis.call('ZCARD', window_key(queue))
  local lane = lane_key(queue)
  while free > 0 do
    local first = redis.call('ZRANGE', lane, 0, 0, 'WITHSCORES')
    local tenant = first[1]
    if not tenant then return end
    local line = line_key(queue, tenant)
    local best = redis.call('ZPOPMIN', line)
    if best[1] then
      deliver(queue, best[1])
      redis.call('SET', virtual_time_key(queue), first[2])
      redis.call('ZINCRBY', lane, STRIDE, tenant)
      free = free - 1
    end
    if redis.call('EXISTS', line) == 0 then depart(queue, tenant) end
  end
end

local function dispatch_touched()
  for queue in pairs(touched) do dispatch(queue) end
end

-- Put a job into its tenant's line. A tenant that had nothing waiting starts at the present virtual time, or where it
-- left if that is later: being idle earns no credit and clears no debt.
local function join_line(job)
  local lane = lane_key(job.queue)
  redis.call('ZADD', line_key(job.queue, job.tenant), job.rank, job.id)
  if not redis.call('ZSCORE', lane, job.tenant) then
    local present = redis.call('GET', virtual_time_key(job.queue)) or '0'
    local reached = redis.call('ZSCORE', departed_key(job.queue), job.tenant) or '0'
    redis.call('ZADD', lane, tonumber(reached) > tonumber(present) and reached or present, job.tenant)
    redis.call('ZREM', departed_key(job.queue), job.tenant)
  end
  touched[job.queue] = true
end

-- Bring Celery's side to the end of a job that ended while no worker ran it: its sender may wait for a result there.
-- Only the job of a plain Celery client has such a sender. The claim of this delivery is refused with the reason, once:
-- `untold` is 1, then the token of that claim.
local function tell_sender(job)
  if redis.call('HEXISTS', job_key(job.id), 'delivery') == 1 then
    redis.call('HSET', job_key(job.id), 'untold', 1)
    redis.call('LPUSH', celery_list(job.queue), delivery(job.id))
  end
end
