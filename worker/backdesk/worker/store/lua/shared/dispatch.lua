-- Dispatch: moves jobs from the tenants' lines into the bounded window of deliveries that Celery holds.
-- ARGV.idle_window: idle window, the deliveries kept in Celery while no worker is alive.
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
-- What one script may still do, so that none holds up Redis for long: lines that it lets go on, jobs that it delivers and
-- lines that it holds. What is `left_over` is for the scripts after it; those of the leader come at once.
local readmissions, picks, left_over = 200, 200, false

-- What Celery reads: protocol 2 with an empty body, because the job store holds the request.
local function native_delivery(id, kind, queue, tenant, slots)
  return '{"body":"[[],{},{}]","content-encoding":"utf-8","content-type":"application/json","headers":{"lang":"py",' ..
    '"task":' .. cjson.encode(kind) .. ',"id":"' .. id .. '","root_id":"' .. id .. '","parent_id":null,"group":null,' ..
    '"argsrepr":"","kwargsrepr":"tenant=' .. tenant .. '","origin":"backdesk","ignore_result":true,"retries":0' ..
    (slots and ',"slots":' .. slots or '') .. '},' ..
    '"properties":{"correlation_id":"' .. id .. '","delivery_tag":"' .. id .. '","delivery_mode":2,"priority":0,' ..
    '"delivery_info":{"exchange":"","routing_key":"' .. deliveries_key(queue) .. '"}}}'
end

-- The message of a job is always the same text, so that it can be looked for in Celery's list. With its state; both nil
-- when there is no such job.
local function delivery(id)
  local field = redis.call('HMGET', job_key(id), 'delivery', 'kind', 'queue', 'tenant', 'state', 'slots')
  if not field[5] then return nil end
  return field[1] or native_delivery(id, field[2], field[3], field[4], field[6]), field[5]
end

-- The window is in the order of the list: the deliveries of one script are some µs apart there.
local deliveries = 0
local function deliver(queue, id, message)
  redis.call('ZADD', window_key(queue), string.format('%.3f', now + math.min(deliveries, 999) / 1000), id)
  deliveries = deliveries + 1
  redis.call('LPUSH', deliveries_key(queue), message)
end

-- How many more slots deliveries may take: the free ones of the fleet, and a few ahead. What a delivered job takes beyond
-- one counts as taken, whether it runs yet or not.
local function room(queue)
  local scope, average_s, lacked = 'queue ' .. queue, 'seconds ' .. queue, lacking(queue)
  local slots, unclaimed = tonumber(redis.call('HGET', slots_key, queue) or 0), redis.call('ZCARD', window_key(queue))
  if slots == 0 then return tonumber(ARGV.idle_window) - unclaimed end
  if flow[average_s] == nil then read_flow(scope, average_s, lacked) end
  local seconds, running = flow[average_s], (flow_of(scope) or 0) - (flow_of(lacked) or 0) - unclaimed
  local ahead = seconds and math.min(slots, math.ceil(slots * AHEAD_S / seconds)) or slots
  local free = math.max(slots - running, 0)
  -- Those ahead are renewed several at a time, which costs less.
  return unclaimed >= free + ahead / 2 and 0 or free + ahead - unclaimed
end

-- Virtual time. A tenant pays for each job by its weight when it is delivered, what jobs of the kind cost on average,
-- and the difference when its real cost is known (stride scheduling, Waldspurger 1995).

-- The virtual time of a queue: where the tenant of its last pick stood, without what it had paid ahead. That may have
-- been too much, and whoever comes new must not wait until it is put right. Written in the end of the script.
local present = {}
local function present_of(queue) return present[queue] or redis.call('GET', virtual_time_key(queue)) or '0' end

-- How much a pick moves it on at least: else those that come new one after the other would stand, all at one time, in the
-- order of their names, and one with a late name would wait for ever.
local TICK = 1e-6

local function exact(time) return string.format('%.17g', time) end

local function pay(place, cost)
  if cost == 0 then return end
  local queue, tenant, amount = place.queue, place.tenant, exact(cost / place.weight)
  if redis.call('ZADD', lane_key(queue), 'XX', 'INCR', amount, tenant) then return end
  if redis.call('ZADD', departed_key(queue), 'XX', 'INCR', amount, tenant) or cost <= 0 then return end
  redis.call('ZADD', departed_key(queue), exact(present_of(queue) + amount), tenant)
  redis.call('PEXPIRE', departed_key(queue), DEPARTED_FOR_MS)
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

-- Where each of so many tenants left is kept, at most: where thousands send one job each and never another, the virtual
-- time does not move on. Those that owe least are forgotten.
local MOST_DEPARTED = 10000
-- What a tenant owes in a queue that nobody has used for so long is let go.
local DEPARTED_FOR_MS = 86400000

local function leave_lane(queue, tenant)
  local reached = redis.call('ZSCORE', lane_key(queue), tenant)
  if not reached then return end
  redis.call('ZREM', lane_key(queue), tenant)
  redis.call('ZADD', departed_key(queue), reached, tenant)
  redis.call('ZREMRANGEBYSCORE', departed_key(queue), '-inf', present_of(queue))
  redis.call('ZREMRANGEBYRANK', departed_key(queue), 0, -MOST_DEPARTED - 1)
  redis.call('PEXPIRE', departed_key(queue), DEPARTED_FOR_MS)
end

-- What an attempt costs: its tokens where it used some, else its seconds.
local TOKENS_A_SECOND = 100
-- The seconds that are taken for real between two looks at an attempt; more is a clock that was set.
local LONGEST_STEP = 60
local NEWEST = 0.2 -- weight of the newest in a moving average

local function average(name, value)
  local before = flow_of(name)
  flow[name] = before and before + NEWEST * (value - before) or value
end

-- Seconds that an attempt has lasted, and those that it had when it was looked at before, by its field `lasted`: when
-- that was in ms, and these seconds. Whatever the clock did in between, only a step of a sensible length is added.
local function seconds_of(lasted)
  local looked_at, seconds = (lasted or ''):match('^(%S+) (%S+)$')
  local step, before = (now - (tonumber(looked_at) or now)) / 1000, tonumber(seconds) or 0
  return before + math.max(math.min(step, LONGEST_STEP), 0), before
end

-- What the deliveries of a tenant that have not ended have paid ahead, in ms of cost: whole numbers, so that their sum
-- comes back to nothing.
local function prepaid(place) return 'prepaid ' .. place.queue .. ' ' .. place.tenant end

-- What was paid ahead for a job is no longer so. Returns it in seconds.
local function settle_prepaid(place, job)
  local ms = tonumber(job.paid_ms or 0)
  tally(prepaid(place), -ms, is_recounted(job))
  return ms / 1000
end

-- An attempt has ended: it makes room, and what it really cost takes the place of what was paid.
local function charge(job)
  local place = place_of(job.queue, job.tenant, job.kind)
  local seconds, paid_on = seconds_of(job.lasted)
  seconds = math.max(seconds, LEAST_COST)
  local cost = (job.tokens or 0) > 0 and math.max(job.tokens / TOKENS_A_SECOND, LEAST_COST) or seconds * (job.taken or 1)
  vacate(place, job)
  pay(place, cost - math.max(settle_prepaid(place, job), paid_on * (job.taken or 1)))
  average('cost ' .. job.kind, cost)
  average('seconds ' .. job.queue, seconds)
end

-- A job leaves the window before it began: nothing was paid, nothing is taken. Returns whether it was there.
--!rare
local function undeliver(job)
  if redis.call('ZREM', window_key(job.queue), job.id) == 0 then return false end
  local place = place_of(job.queue, job.tenant, job.kind)
  vacate(place, job)
  pay(place, -settle_prepaid(place, job))
  settle_rates(job, false)
  return true
end

-- What may be held: a place, or all of a tenant in a queue.
local function holdable(queue, tenant, line) return queue .. ' ' .. tenant .. (line and ' ' .. line or '') end

-- Bring a tenant's ready lines, and its place in the lane, up to date with a line that has changed or a hold that has
-- ended. Returns whether the place is ready.
--!rare
local function refresh(queue, tenant, line)
  local ready = ready_key(queue, tenant)
  local held = redis.call('HMGET', held_key, holdable(queue, tenant, line), holdable(queue, tenant))
  local best = not held[1] and redis.call('ZRANGE', line_key(queue, tenant, line), 0, 0, 'WITHSCORES') or {}
  if best[1] then
    redis.call('ZADD', ready, best[2], line)
  else
    redis.call('ZREM', ready, line)
  end
  if not held[2] and (best[1] or redis.call('EXISTS', ready) == 1) then
    enter_lane(queue, tenant)
  else
    leave_lane(queue, tenant)
  end
  return best[1] and not held[2]
end

--!rare
local function look_again(scope, time) redis.call('ZADD', limited_key, whole(time or now + LOOK_AGAIN_MS), scope) end

-- Hold a place, or all of a tenant in a queue, until the limit of `scope` leaves room again, at `time` if that is known.
-- Where the cap has room, and too little, the place is the first that is let go on.
--!rare
local function hold(scope, time, queue, tenant, line)
  local member, left = holdable(queue, tenant, line), not time and left_of(scope)
  local waits_for_more = left and left > 0 and left < math.huge and not is_kept(scope)
  if waits_for_more then flow[kept_in(scope)] = 1 end
  local score = waits_for_more and '-inf' or redis.call('ZSCORE', lane_key(queue), tenant) or 0
  redis.call('HSET', held_key, member, scope)
  redis.call('ZADD', held_by_key(scope), score, member)
  look_again(scope, time)
  if line then redis.call('ZREM', ready_key(queue, tenant), line) end
  if not line or redis.call('EXISTS', ready_key(queue, tenant)) == 0 then leave_lane(queue, tenant) end
end

-- End a hold. Returns whether it lets a job stand ready again.
--!rare
local function unhold(member)
  local queue, tenant, line = member:match('^(%S+) (%S+) ?(%S*)$')
  redis.call('HDEL', held_key, member)
  touched[queue] = true
  if line ~= '' then return refresh(queue, tenant, line) end
  local ready = redis.call('EXISTS', ready_key(queue, tenant)) == 1
  if ready then enter_lane(queue, tenant) end
  return ready
end

--!rare
local function leave_over(scope)
  left_over = true
  look_again(scope, now)
end

-- Let as many places go on as the limit of `scope` has room for, those first that are owed most; where room is kept for
-- one, that alone.
--!rare
local function readmit(scope)
  local queue, room_left, held_by = scope:match('^queue (%S+)$'), room_of(scope), held_by_key(scope)
  if queue then touched[queue] = true end
  if is_kept(scope) then
    flow[kept_in(scope)] = 0
    room_left = math.min(room_left, 1)
  end
  while room_left > 0 and readmissions > 0 do
    local first = redis.call('ZPOPMIN', held_by)
    if not first[1] then break end
    if unhold(first[1]) then room_left = room_left - 1 end
    readmissions = readmissions - 1
  end
  if redis.call('EXISTS', held_by) == 0 then
    redis.call('ZREM', limited_key, scope)
  elseif room_left > 0 then
    leave_over(scope)
  else
    local time = conforms_at(scope)
    look_again(scope, time and time > now and time) -- a rate that has room waits for the cap
  end
end

-- Look again at all scopes that hold somebody, as soon as can be. One command, however many they are.
local function look_at_all_again() redis.call('ZUNIONSTORE', limited_key, 1, limited_key, 'WEIGHTS', 0) end

-- Look again at the scopes whose time has come, so many at most.
local function readmit_due(most)
  local scopes = redis.call('ZRANGEBYSCORE', limited_key, '-inf', whole(now), 'LIMIT', 0, most)
  for _, scope in ipairs(scopes) do readmit(scope) end
  if #scopes == tonumber(most) then left_over = true end
end

--!rare
local function tell_limited(id, kind, tenant, scope, time)
  local job = {id = id, kind = kind, tenant = tenant, attempt = redis.call('HGET', job_key(id), 'attempt')}
  append(job, 'limited', '{"run_at":"' .. iso(time) .. '","reason":"rate","scope":"' .. scope .. '"}')
end

-- Whether the best job of a place may run now by all limits; if not, it is held. `nil` when the queue itself is full.
local function may_run(place)
  local scope, time = in_the_way(place)
  if not scope then return true end
  local queue, tenant, line = place.queue, place.tenant, place.line
  if scope == 'queue ' .. queue then
    if time then look_again(scope, time) end
    return nil
  end
  if time then
    local head = redis.call('ZRANGE', line_key(queue, tenant, line), 0, 0)[1]
    if head then tell_limited(head, place.kind, tenant, scope, time) end
  end
  hold(scope, time, queue, tenant, scope ~= 'tenant ' .. tenant and line or nil)
  return false
end

-- Take the best job out of a line; what it will cost is paid ahead. What is not queued should not stand there, and is
-- left out.
local function take(place)
  local queue, tenant, name = place.queue, place.tenant, place.line
  local line, ready = line_key(queue, tenant, name), ready_key(queue, tenant)
  local best = redis.call('ZPOPMIN', line)
  local second = redis.call('ZRANGE', line, 0, 0, 'WITHSCORES')
  if second[1] then redis.call('ZADD', ready, second[2], name) else redis.call('ZREM', ready, name) end
  local message, state = delivery(best[1] or '')
  if state == 'queued' then
    occupy(place)
    local cost_ms, rated = math.ceil((flow_of('cost ' .. place.kind) or LEAST_COST) * 1000), reserve_rates(place)
    pay(place, cost_ms / 1000)
    tally(prepaid(place), cost_ms, recount_under_way())
    redis.call('HSET', job_key(best[1]), 'prepaid', cost_ms)
    if place.slots > 1 then redis.call('HSET', job_key(best[1]), 'taken', place.slots) end
    if rated ~= '' then redis.call('HSET', job_key(best[1]), 'rated', rated) end
    if recount_under_way() then redis.call('HSET', job_key(best[1]), 'recounted', recount_under_way()) end
    deliver(queue, best[1], message)
  end
  if not second[1] and redis.call('EXISTS', ready) == 0 then leave_lane(queue, tenant) end
  return state == 'queued'
end

-- Give the room in the window to the tenant with the least virtual time, one job at a time. O(log n) a job.
local function dispatch(queue)
  local free = room(queue)
  while free > 0 do
    if picks == 0 then return leave_over('queue ' .. queue) end
    local first = redis.call('ZRANGE', lane_key(queue), 0, 0, 'WITHSCORES')
    local tenant = first[1]
    if not tenant then return end
    local line = redis.call('ZRANGE', ready_key(queue, tenant), 0, 0)[1]
    local place = line and place_of(queue, tenant, line)
    local may = place and may_run(place)
    picks = picks - 1
    if may then
      present[queue] = exact(first[2] - (flow_of(prepaid(place)) or 0) / 1000 / place.weight + TICK)
      if take(place) then free = free - place.slots end
    elseif not place then
      leave_lane(queue, tenant)
    elseif may == nil then
      return
    end
  end
end

-- Do a part of a joint script. Should it fail amid its writes, as where a key was changed by hand, the others are done all
-- the same, and what has changed in the flow is written, before the script fails: each is then made by itself.
local broken = false
local function apart(part, each)
  local done, answer = pcall(part, each)
  if not done then broken = broken or answer end
  return answer
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
  if broken then error(broken, 0) end
end

-- Put a job into its line.
local function join_line(job)
  local queue, tenant, name = job.queue, job.tenant, line_of(job)
  local line = line_key(queue, tenant, name)
  redis.call('ZADD', line, job.rank, job.id)
  local before_it = redis.call('ZRANK', line, job.id)
  local held = redis.call('HMGET', held_key, holdable(queue, tenant, name), holdable(queue, tenant))
  local scope = held[1] or held[2]
  -- Behind others, it changes nothing: whatever holds these up holds up this one too.
  if before_it == 0 and not held[1] then
    redis.call('ZADD', ready_key(queue, tenant), job.rank, name)
    if not scope then enter_lane(queue, tenant) end
    touched[queue] = true
  end
  local time, interval = conforms_at(scope)
  if time then tell_limited(job.id, job.kind, tenant, scope, math.floor(math.max(time, now) + before_it * interval)) end
end

-- Take a job out of its line.
--!rare
local function leave_line(job)
  if redis.call('ZREM', line_key(job.queue, job.tenant, line_of(job)), job.id) == 1 then
    refresh(job.queue, job.tenant, line_of(job))
  end
end

-- Bring Celery's side to the end of a job that ended while no worker ran it: its sender may wait for a result there.
-- Only the job of a plain Celery client has such a sender. The claim of this delivery is refused with the reason, once:
-- `untold` is 1, then the fence of that claim.
--!rare
local function tell_sender(job)
  if redis.call('HEXISTS', job_key(job.id), 'delivery') == 1 then
    redis.call('HSET', job_key(job.id), 'untold', 1)
    redis.call('LPUSH', deliveries_key(job.queue), (delivery(job.id)))
  end
end
