-- Sweep: look at some of the jobs that have not ended, and put right what a script that was ended amid its writes has left.
--
-- ARGV: most (jobs to look at, about), lease_ms (for a running job that has no lease)
-- Returns: for each repair: {what was wrong, id}
-- Atomic, so that no job is seen on its way from one place to another. Idempotent. It goes on where the last call ended;
-- where that was is kept. What stands in lines, windows and leases and should not is left out by those that read these.
--!include ending
--!include room

local ROUND = {'queued', 'running', 'scheduled', 'waiting', 'asks'}
local MOST_AWAITED = 1000 -- entries of waiting jobs that are read, or those of one that has more; other jobs have their turn later
local ENDED = {succeeded = true, failed = true, cancelled = true, expired = true}
local repairs, awaited_left = {}, MOST_AWAITED

local function note(what, id)
  repairs[#repairs + 1] = {what, id}
  redis.call('HINCRBY', sweep_key, 'repaired ' .. what, 1)
  redis.call('HSET', sweep_key, 'repaired_at', whole(now))
end

-- See to it that dispatch finds the line of which a job is the first.
local function tend_line(job)
  local queue, tenant, line = job.queue, job.tenant, line_of(job)
  local members = {holdable(queue, tenant, line), holdable(queue, tenant)}
  local held = redis.call('HMGET', held_key, unpack(members))
  for index, member in ipairs(members) do
    local scope = held[index]
    if scope and not (redis.call('ZSCORE', held_by_key(scope), member) and redis.call('ZSCORE', limited_key, scope)) then
      unhold(member)
      return note('held by a limit that does not know it', job.id)
    end
  end
  local ready, in_lane = redis.call('ZSCORE', ready_key(queue, tenant), line), redis.call('ZSCORE', lane_key(queue), tenant)
  if (not ready and not held[1]) or (not in_lane and not held[1] and not held[2]) then
    refresh(queue, tenant, line)
    touched[queue] = true
    note('line that dispatch did not know', job.id)
  end
end

-- Whether a job waits for another one of its conversation; those that are there no more are taken out of it.
local function is_behind(job)
  if not job.conversation then return false end
  local conversation = conversation_key(job.tenant, job.conversation)
  for _, id in ipairs(redis.call('ZRANGE', conversation, 0, 9)) do
    if id == job.id then return is_interrupted(conversation, redis.call('ZSCORE', conversation, id)) end
    local other = load_job(id)
    if other and ACTIVE[other.state] then return redis.call('ZSCORE', conversation, job.id) end
    redis.call('ZREM', conversation, id)
    note('in its conversation though it has ended', id)
  end
  return false
end

local function is_stranded(job)
  if not job.stranded or not redis.call('ZSCORE', stranded_key(job.stranded), job.id) then return false end
  redis.call('SADD', strandings_key, job.stranded)
  return true
end

local tend = {}

function tend.queued(job)
  local place = redis.call('ZRANK', line_key(job.queue, job.tenant, line_of(job)), job.id)
  if place == 0 then return tend_line(job) end
  if place or redis.call('ZSCORE', window_key(job.queue), job.id) or is_stranded(job) or is_behind(job) then return end
  job.rank = job.rank or whole(now * 1000)
  stand(job)
  note('queued in no place', job.id)
end

function tend.running(job)
  if redis.call('ZSCORE', leases_key, job.id) then return end
  -- A worker that lives renews it in time; else the job is taken back.
  redis.call('ZADD', leases_key, whole(now + tonumber(ARGV.lease_ms)), job.id)
  note('running without a lease', job.id)
end

function tend.scheduled(job)
  local astray = job.parked and not redis.call('ZSCORE', parked_key(job.parked), job.id)
  if astray then redis.call('HDEL', job_key(job.id), 'parked') end
  if not astray and redis.call('ZSCORE', due_key, job.id) then return end
  local run_at = redis.call('HGET', job_key(job.id), 'run_at')
  redis.call('ZADD', due_key, run_at or whole(now), job.id)
  note(astray and 'parked in no line' or 'scheduled and never due', job.id)
end

-- The entry of the ledger that a child has left to its parent, or '' while it goes on.
local function end_of_child(job, ask)
  local id = (cjson.decode(ask).facts or {}).job_id
  if not id then return '' end
  local field = redis.call('HMGET', job_key(id), 'state', 'result', 'error')
  if field[1] and not ENDED[field[1]] then return '' end
  local state, name, value = field[1] or 'failed', 'error', field[3]
  if state == 'succeeded' then name, value = 'result', field[2] end
  value = value or failure(job, 'lost', '"the record of the called job is gone"', 'unknown', 'high')
  return '{"state":"done","value":{"job_id":' .. cjson.encode(id) .. ',"state":"' .. state .. '","' .. name .. '":' .. value .. '}}'
end

local function tend_asked(job, name, until_at)
  local ask = ask_of(job.id, name)
  local score, of_tenant = redis.call('ZSCORE', asks_key, ask), redis.call('ZSCORE', tenant_asks_key(job.tenant), ask)
  if score and score == of_tenant then return end
  local asked_at = redis.call('ZSCORE', state_key('waiting'), job.id)
  list_ask(job, name, answered_by(until_at, asked_at))
  note('missing among what is asked of people', job.id)
end

local function tend_awaited(job)
  local awaited, soonest = redis.call('HGETALL', awaiting_key(job.id)), nil
  awaited_left = awaited_left - #awaited / 2
  for index = 1, #awaited, 2 do
    local name, ask, target, until_at = awaited[index], unpack(cjson.decode(awaited[index + 1]), 1, 3)
    until_at = tonumber(until_at)
    if until_at and until_at < (soonest or until_at + 1) then soonest = until_at end
    local entry = target == name and end_of_child(job, ask) or ''
    if entry ~= '' then
      settle(job.id, name, target, entry)
      note('waiting for a job that has ended', job.id)
    end
    if target ~= name then tend_asked(job, name, until_at) end
  end
  if soonest and not redis.call('ZSCORE', due_key, job.id) then
    redis.call('ZADD', due_key, whole(soonest), job.id)
    note('waiting beyond its time', job.id)
  end
end

function tend.waiting(job)
  local awaited = redis.call('HLEN', awaiting_key(job.id))
  if awaited == 0 then
    withdraw(job)
    queue_up(job, 'resumed')
    note('waiting for nothing', job.id)
  elseif awaited <= awaited_left or awaited_left == MOST_AWAITED then
    tend_awaited(job)
  end
end

local function tend_indexes(job)
  if not redis.call('ZSCORE', tenant_jobs_key(job.tenant), job.id) then
    redis.call('ZADD', tenant_jobs_key(job.tenant), redis.call('HGET', job_key(job.id), 'created_at') or whole(now), job.id)
    redis.call('SADD', tenants_key, job.tenant)
    note('missing among the jobs of its tenant', job.id)
  end
  local of_kind = OF_NO_KIND[job.state] or redis.call('ZSCORE', jobs_of_kind_key(job.kind, job.state), job.id)
  local of_tenant = OF_NO_TENANT[job.state] or redis.call('ZSCORE', jobs_of_tenant_key(job.tenant, job.state), job.id)
  if not (of_kind and of_tenant) then
    index_job(job, job.state, redis.call('ZSCORE', state_key(job.state), job.id))
    note('missing among the jobs of its kind and tenant', job.id)
  end
  if next_limit(job) and not redis.call('ZSCORE', expiring_key, job.id) then
    watch_limits(job)
    note('without an end of its time', job.id)
  end
end

local function look_at_ask(ask)
  local id, name = ask:match('^(%S+) (.*)$')
  if redis.call('HEXISTS', awaiting_key(id), name) == 1 then return end
  unlist_ask({id = id, tenant = redis.call('HGET', job_key(id), 'tenant') or ''}, name)
  note('asked of people though nobody waits for it', id)
end

local function look_at(id, state)
  if state == 'asks' then return look_at_ask(id) end
  local job = load_job(id)
  if job and job.state == state then
    tend_indexes(job)
    return tend[state](job)
  end
  if job then unindex_job(job, state) end
  redis.call('ZREM', state_key(state), id)
  if job and (ACTIVE[job.state] or ENDED[job.state]) then redis.call('ZADD', state_key(job.state), 'NX', whole(now), id) end
  note('listed in a state that it is not in', id)
end

write_though_full()
local reached = redis.call('HMGET', sweep_key, 'state', 'cursor')
local number = tonumber(reached[1]) or 1
local found = redis.call('ZSCAN', ROUND[number] == 'asks' and asks_key or state_key(ROUND[number]), reached[2] or '0', 'COUNT', ARGV.most)
local state = ROUND[number]
if found[1] == '0' then number = number % #ROUND + 1 end
-- Ahead: a job that cannot be looked at, as its record is none, holds up none of those after it.
redis.call('HSET', sweep_key, 'state', number, 'cursor', found[1])
-- Another one first each time, so that none is always among those for which nothing is left.
local many = #found[2] / 2
for step = 0, many - 1 do look_at(found[2][(now + step) % many * 2 + 1], state) end
dispatch_touched()
return repairs
