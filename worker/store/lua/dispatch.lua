-- Dispatch: moves jobs from the tenants' lines into the bounded window of deliveries that Celery holds.
-- ARGV[3]: idle window, the deliveries kept in Celery while no worker is alive.
--!include events
--!include limits

-- The queues in which this script made room or put a job in line; `dispatch_touched` ends such a script.
local touched = {}
-- What is delivered ahead of a free slot: what the slots get through in this time, in seconds, and a slot's worth at
-- most. Less leaves workers idle while they fetch; more is served before whoever comes next.
local AHEAD_S = 0.1
-- The least that a job costs, in seconds, and what those of an unknown kind are taken to cost. Too little is put right
-- when it has ended; too much would meanwhile be held against whoever comes new.
local LEAST_COST = 0.001

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

local function deliver(queue, id)
  redis.call('ZADD', window_key(queue), whole(now), id)
  redis.call('LPUSH', celery_list(queue), delivery(id))
end

-- How many more deliveries fit: one for each free slot of the fleet, and a few ahead.
local function room(queue)
  local slots, unclaimed = tonumber(redis.call('HGET', slots_key, queue) or 0), redis.call('ZCARD', window_key(queue))
  if slots == 0 then return tonumber(ARGV[3]) - unclaimed end
  if flow['seconds ' .. queue] == nil then read_flow('seconds ' .. queue, 'queue ' .. queue) end
  local seconds = flow['seconds ' .. queue]
  local ahead = seconds and math.min(slots, math.ceil(slots * AHEAD_S / seconds)) or slots
  local free = math.max(slots - (taken('queue ' .. queue) - unclaimed), 0)
  -- Those ahead are renewed several at a time, which costs less.
  return unclaimed >= free + ahead / 2 and 0 or free + ahead - unclaimed
end

-- Virtual time. A tenant pays for each job by its weight when it is delivered, what jobs of the kind cost on average,
-- and the difference when its real cost is known (stride scheduling, Waldspurger 1995).

-- The virtual time of a queue: that of its last pick. Written in the end of the script.
local present = {}
local function present_of(queue) return present[queue] or redis.call('GET', virtual_time_key(queue)) or '0' end

local function pay(queue, tenant, kind, cost)
  local amount = string.format('%.17g', cost / policy_of(queue, tenant, kind).weight)
  if redis.call('ZADD', lane_key(queue), 'XX', 'INCR', amount, tenant) then return end
  if redis.call('ZADD', departed_key(queue), 'XX', 'INCR', amount, tenant) or cost <= 0 then return end
  redis.call('ZADD', departed_key(queue), string.format('%.17g', present_of(queue) + amount), tenant)
end

-- A tenant that had nothing ready starts at the present virtual time, or where it left if that is later: being idle, or
-- at a limit, earns no credit and clears no debt.
local function enter_lane(queue, tenant)
  local lane = lane_key(queue)
  if redis.call('ZSCORE', lane, tenant) then return end
  local now_at = present_of(queue)
  local reached = redis.call('ZSCORE', departed_key(queue), tenant)
  if reached then redis.call('ZREM', departed_key(queue), tenant) else reached = '0' end
  redis.call('ZADD', lane, tonumber(reached) > tonumber(now_at) and reached or now_at, tenant)
end

local function leave_lane(queue, tenant)
  local reached = redis.call('ZSCORE', lane_key(queue), tenant)
  if not reached then return end
  redis.call('ZREM', lane_key(queue), tenant)
  redis.call('ZADD', departed_key(queue), reached, tenant)
  redis.call('ZREMRANGEBYSCORE', departed_key(queue), '-inf', present_of(queue))
end

-- What an attempt or a job costs: its tokens where there are some, else its seconds.
local TOKENS_A_SECOND = 100
-- The seconds that are taken for real between two looks at an attempt; more is a clock that was set.
local LONGEST_STEP = 60
local NEWEST = 0.2 -- weight of the newest in a moving average

local function average(name, value)
  flow[name] = flow[name] and flow[name] + NEWEST * (value - flow[name]) or value
end

-- Seconds of an attempt so far, and what was paid for it.
local function seconds_of(started_at, paid)
  local seconds = (now - tonumber(started_at or now)) / 1000
  return math.max(math.min(seconds, tonumber(paid or 0) + LONGEST_STEP), LEAST_COST)
end

-- An attempt has ended: it makes room, and what it really cost takes the place of what was paid.
local function charge(job)
  local field = redis.call('HMGET', job_key(job.id), 'paid', 'started_at')
  local paid, seconds = tonumber(field[1] or 0), seconds_of(field[2], field[1])
  local cost = (job.tokens or 0) > 0 and math.max(job.tokens / TOKENS_A_SECOND, LEAST_COST) or seconds
  pay(job.queue, job.tenant, job.kind, cost - paid)
  vacate(job.queue, job.tenant, job.kind)
  average('cost ' .. job.kind, cost)
  average('seconds ' .. job.queue, seconds)
end

-- A place is where jobs stand in line: those of a kind and a tenant in a queue. Both it and its tenant may be held.
local function place(queue, tenant, kind) return queue .. ' ' .. tenant .. (kind and ' ' .. kind or '') end

-- Bring a tenant's ready kinds, and its place in the lane, up to date with a line that has changed or a hold that has
-- ended. Returns whether the place is ready.
local function refresh(queue, tenant, kind)
  local ready, held = ready_key(queue, tenant), redis.call('HMGET', held_key, place(queue, tenant, kind), place(queue, tenant))
  local best = not held[1] and redis.call('ZRANGE', line_key(queue, tenant, kind), 0, 0, 'WITHSCORES') or {}
  if best[1] then
    redis.call('ZADD', ready, best[2], kind)
  else
    redis.call('ZREM', ready, kind)
  end
  if not held[2] and (best[1] or redis.call('EXISTS', ready) == 1) then
    enter_lane(queue, tenant)
  else
    leave_lane(queue, tenant)
  end
  return best[1] and not held[2]
end

-- Hold a place, or all of a tenant in a queue, until the limit of `scope` leaves room again, at `time` if that is known.
local function hold(scope, time, queue, tenant, kind)
  local member = place(queue, tenant, kind)
  redis.call('HSET', held_key, member, scope)
  redis.call('ZADD', held_by_key(scope), redis.call('ZSCORE', lane_key(queue), tenant) or 0, member)
  redis.call('ZADD', limited_key, whole(time or now + LOOK_AGAIN_MS), scope)
  if kind then redis.call('ZREM', ready_key(queue, tenant), kind) end
  if not kind or redis.call('EXISTS', ready_key(queue, tenant)) == 0 then leave_lane(queue, tenant) end
end

-- End a hold. Returns whether it lets a job stand ready again.
local function unhold(member)
  local queue, tenant, kind = member:match('^(%S+) (%S+) ?(%S*)$')
  redis.call('HDEL', held_key, member)
  touched[queue] = true
  if kind ~= '' then return refresh(queue, tenant, kind) end
  local ready = redis.call('EXISTS', ready_key(queue, tenant)) == 1
  if ready then enter_lane(queue, tenant) end
  return ready
end

-- Let as many places go on as the limit of `scope` has room for, those first that are owed most.
local function readmit(scope)
  local room_left, held_by = room_of(scope), held_by_key(scope)
  while room_left > 0 do
    local first = redis.call('ZPOPMIN', held_by)
    if not first[1] then
      redis.call('ZREM', limited_key, scope)
      return
    end
    if unhold(first[1]) then room_left = room_left - 1 end
  end
  if redis.call('EXISTS', held_by) == 1 then
    redis.call('ZADD', limited_key, whole(conforms_at(scope) or now + LOOK_AGAIN_MS), scope)
  else
    redis.call('ZREM', limited_key, scope)
  end
end

local function tell_limited(id, kind, tenant, scope, time)
  local job = {id = id, kind = kind, tenant = tenant, attempt = redis.call('HGET', job_key(id), 'attempt')}
  append(job, 'limited', '{"run_at":"' .. iso(time) .. '","reason":"rate","scope":"' .. scope .. '"}')
end

-- Whether the best job of a tenant may run now by all limits; if not, it is held. `nil` when the queue itself is full.
local function may_run(queue, tenant, kind)
  local policy = policy_of(queue, tenant, kind)
  if policy.unlimited then return true end
  local scope, time = policy.in_the_way()
  if not scope then return true end
  if scope == 'queue ' .. queue then return nil end
  local whole_tenant = scope == 'tenant ' .. tenant
  if time then
    local head = redis.call('ZRANGE', line_key(queue, tenant, kind), 0, 0)[1]
    if head then tell_limited(head, kind, tenant, scope, time) end
  end
  hold(scope, time, queue, tenant, not whole_tenant and kind or nil)
  return false
end

-- Take the best job out of a line; what it will cost is paid ahead.
local function take(queue, tenant, kind)
  local line, ready = line_key(queue, tenant, kind), ready_key(queue, tenant)
  local best = redis.call('ZPOPMIN', line)
  local second = redis.call('ZRANGE', line, 0, 0, 'WITHSCORES')
  if second[1] then redis.call('ZADD', ready, second[2], kind) else redis.call('ZREM', ready, kind) end
  if best[1] then
    occupy(queue, tenant, kind)
    local cost = flow['cost ' .. kind] or LEAST_COST
    pay(queue, tenant, kind, cost)
    redis.call('HSET', job_key(best[1]), 'paid', cost)
    advance_rates(queue, tenant, kind)
    deliver(queue, best[1])
  end
  if not second[1] and redis.call('EXISTS', ready) == 0 then leave_lane(queue, tenant) end
  return best[1]
end

-- Give the room in the window to the tenant with the least virtual time, one job at a time. O(log n) a job.
local function dispatch(queue)
  local free = room(queue)
  while free > 0 do
    local first = redis.call('ZRANGE', lane_key(queue), 0, 0, 'WITHSCORES')
    local tenant = first[1]
    if not tenant then return end
    local kind = redis.call('ZRANGE', ready_key(queue, tenant), 0, 0)[1]
    local may = kind and may_run(queue, tenant, kind)
    if may then
      present[queue] = first[2]
      if take(queue, tenant, kind) then free = free - 1 end
    elseif may == nil and kind then
      return
    elseif not kind then
      leave_lane(queue, tenant)
    end
  end
end

local function dispatch_touched()
  if next(freed) and redis.call('EXISTS', limited_key) == 1 then
    for scope in pairs(freed) do
      if redis.call('ZSCORE', limited_key, scope) then readmit(scope) end
    end
  end
  for queue in pairs(touched) do dispatch(queue) end
  for queue, time in pairs(present) do redis.call('SET', virtual_time_key(queue), time) end
  write_flow()
end

-- Put a job into its line.
local function join_line(job)
  local queue, tenant, kind = job.queue, job.tenant, job.kind
  local line = line_key(queue, tenant, kind)
  redis.call('ZADD', line, job.rank, job.id)
  local before_it = redis.call('ZRANK', line, job.id)
  local held = redis.call('HMGET', held_key, place(queue, tenant, kind), place(queue, tenant))
  local scope = held[1] or held[2]
  -- Behind others, it changes nothing: whatever holds these up holds up this one too.
  if before_it == 0 and not held[1] then
    redis.call('ZADD', ready_key(queue, tenant), job.rank, kind)
    if not scope then enter_lane(queue, tenant) end
    touched[queue] = true
  end
  local time, interval = conforms_at(scope)
  if time then tell_limited(job.id, kind, tenant, scope, math.floor(math.max(time, now) + before_it * interval)) end
end

-- Take a job out of its line.
local function leave_line(job)
  if redis.call('ZREM', line_key(job.queue, job.tenant, job.kind), job.id) == 1 then
    refresh(job.queue, job.tenant, job.kind)
  end
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
