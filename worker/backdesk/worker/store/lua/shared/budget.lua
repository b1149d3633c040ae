-- Budgets: the pots that a job's spending counts against. They are its own, those of the jobs that called it, and the
-- day of its tenant. Costs are in millionths of a dollar.
--!include keys
--!include clock

local MICRO = 1000000
local DAY_MS = 86400000
local DAYS_KEPT_MS = 40 * DAY_MS
-- What a pot counts; the first four can be limited. `aside:` and the name is the part that calls under way hold.
local COUNTED = {'tokens', 'cost', 'model_calls', 'tool_calls', 'unpriced'}
-- A pot in which nothing was set aside for so long has no call under way any more: their workers are lost.
local LONGEST_CALL_MS = 900000

-- Where the job's pot keeps what a call has set aside, until it is settled.
local function call_field(fence, number) return 'call:' .. fence .. '.' .. number end

-- What a call has set aside, kept in few bytes: a hash stays compact while each of its values is short.
local function as_kept(amount)
  local kept = '["' .. amount.day .. '",' .. whole(amount.share)
  for _, name in ipairs(COUNTED) do kept = kept .. ',' .. whole(amount[name]) end
  return kept .. ']'
end

local function read_kept(json)
  local kept = cjson.decode(json)
  local amount = {day = kept[1], share = kept[2]}
  for index, name in ipairs(COUNTED) do amount[name] = kept[index + 2] end
  return amount
end

local function date_of_today() return iso(now):sub(1, 10) end

local function read_counts(pot)
  pot.spent, pot.aside = {}, {}
  for _, name in ipairs(COUNTED) do
    local field = redis.call('HMGET', pot.key, name, 'aside:' .. name)
    pot.spent[name], pot.aside[name] = tonumber(field[1] or 0), tonumber(field[2] or 0)
  end
  pot.aside_at = tonumber(redis.call('HGET', pot.key, 'aside_at') or 0)
end

local function pot_of_job(id, budget)
  local pot = {key = spent_key(id), job = id, limits = {}, grants = 0}
  if not budget then return pot end
  local set = cjson.decode(budget)
  pot.limited, pot.on_limit = true, set.on_limit
  pot.limits = {tokens = set.tokens, model_calls = set.model_calls, tool_calls = set.tool_calls,
    cost = set.cost_usd and math.floor(set.cost_usd * MICRO + 0.5)}
  pot.wall_ms = set.wall_s and set.wall_s * 1000
  local field = redis.call('HMGET', pot.key, 'grants', 'cheaper', 'began', 'ends_at')
  pot.grants, pot.cheaper = tonumber(field[1] or 0), field[2]
  pot.began, pot.ends_at = tonumber(field[3]), tonumber(field[4])
  read_counts(pot)
  return pot
end

-- A tenant's setting as text: its own, else that for all tenants; nil when there is none or it is 'none'.
local function tenant_settings(tenant, ...)
  local own, all = redis.call('HMGET', tenant_key(tenant), ...), redis.call('HMGET', tenant_key('*'), ...)
  local found = {}
  for index = 1, select('#', ...) do
    local text = own[index] or all[index] or 'none'
    found[index] = text ~= 'none' and text ~= '' and text or nil
  end
  return found
end

-- A limit that is no number stops the tenant: its jobs must not run unlimited because of a slip of the pen.
local function limit_in(pot, field, text, unit)
  if not text then return nil end
  local number = tonumber(text)
  if number and number >= 0 and number < math.huge then return math.floor(number * unit + 0.5) end
  pot.invalid = {field, text}
  return 0
end

local function pot_of_day(tenant, id, day)
  local pot = {key = spent_day_key(tenant, day), tenant = tenant, day = day, limits = {}, grants = 0}
  local set = tenant_settings(tenant, 'tokens_per_day', 'cost_per_day_usd', 'on_budget')
  if not (set[1] or set[2]) then return pot end
  pot.limited = true
  pot.on_limit = (set[3] == 'approve' or set[3] == 'cheaper') and set[3] or 'fail'
  pot.limits = {tokens = limit_in(pot, 'tokens_per_day', set[1], 1),
    cost = limit_in(pot, 'cost_per_day_usd', set[2], MICRO)}
  pot.grants = tonumber(redis.call('HGET', spent_key(id), 'day:' .. day) or 0)
  pot.cheaper = redis.call('HGET', pot.key, 'cheaper')
  read_counts(pot)
  return pot
end

-- The pots of the job and of all jobs above it, from the job upwards.
local function pots_of_family(id)
  local pots, above = {}, id
  while above do
    local field = redis.call('HMGET', job_key(above), 'budget', 'parent')
    pots[#pots + 1] = pot_of_job(above, field[1])
    above = field[2]
  end
  return pots
end

--!rare
local function pots_of(id, tenant)
  local pots = pots_of_family(id)
  pots[#pots + 1] = pot_of_day(tenant, id, date_of_today())
  return pots
end

-- How much of a limit there is: as much again with each grant, and once for cheaper means.
local function allowance_of(pot, name, cheaper)
  return pot.limits[name] * (1 + pot.grants + (cheaper and pot.on_limit == 'cheaper' and 1 or 0))
end

-- The limit that stands in the way of an amount, or nil; and whether it will when the calls under way have been settled,
-- though they should turn out to have cost nothing. Once a pot lives on cheaper means it does not go back.
local function barrier(pot, amount, cheaper)
  if pot.ends_at and now >= pot.ends_at then return 'wall', true end
  local costs = (amount.tokens or 0) + (amount.cost or 0) + (amount.model_calls or 0) > 0
  local only_cheaper = costs and not cheaper and pot.on_limit == 'cheaper' and pot.cheaper
  for _, name in ipairs(COUNTED) do
    local wanted = amount[name] or 0
    local over = wanted > 0 and pot.limits[name] and pot.spent[name] + wanted - allowance_of(pot, name, cheaper) or 0
    if only_cheaper and pot.limits[name] then return name, true end
    if over > 0 then return name, over > pot.aside[name] or now - pot.aside_at > LONGEST_CALL_MS end
  end
end

-- The milliseconds until the first of the pots is out of time, or nil.
--!rare
local function ms_left(pots)
  local left
  for _, pot in ipairs(pots) do
    if pot.ends_at and pot.ends_at - now < (left or math.huge) then left = pot.ends_at - now end
  end
  return left
end

--!rare
local function any_limited(pots)
  for _, pot in ipairs(pots) do if pot.limited then return true end end
  return false
end

-- Let a pot live as long as what it belongs to. Returns whether that is still there.
--!rare
local function keep_pot(pot)
  if pot.tenant then
    redis.call('PEXPIRE', pot.key, DAYS_KEPT_MS)
    return true
  end
  if redis.call('EXISTS', job_key(pot.job)) == 0 then return false end
  redis.call('HSET', job_key(pot.job), 'remembers', 1)
  return true
end

-- Add an amount, which may be negative, to a pot that is there.
local function add_to(pot, amount)
  for _, name in ipairs(COUNTED) do
    if (amount[name] or 0) ~= 0 then redis.call('HINCRBY', pot.key, name, whole(amount[name])) end
  end
  if not keep_pot(pot) then redis.call('DEL', pot.key) end
end

-- Hold, or with -1 no longer hold, what a call has set aside in the pots that limit it.
local function set_aside(pots, amount, sign)
  for _, pot in ipairs(pots) do
    for _, name in ipairs(COUNTED) do
      local part = tonumber(amount[name]) * sign
      if pot.limits[name] and part ~= 0 then redis.call('HINCRBY', pot.key, 'aside:' .. name, whole(part)) end
    end
    if pot.limited and sign > 0 then redis.call('HSET', pot.key, 'aside_at', whole(now)) end
  end
end

-- Start the time of a job that has a budget with one. `budget` is its own, else that of its kind, which becomes its own;
-- '' when there is none.
-- Returns 1 when its spending is limited, else 0, and the ms that its time has left, or ''.
local function open_budget(job, budget, parent)
  local of_tenant = redis.call('EXISTS', tenant_key(job.tenant), tenant_key('*')) > 0
  if budget == '' and not parent and not of_tenant then return 0, '' end -- as is usual, and quickly seen
  if budget ~= '' then redis.call('HSETNX', job_key(job.id), 'budget', budget) end
  local pots = pots_of(job.id, job.tenant)
  local own = pots[1]
  if own.wall_ms and not own.ends_at then
    own.ends_at = now + own.wall_ms
    redis.call('HSET', own.key, 'began', whole(now), 'ends_at', whole(own.ends_at))
    keep_pot(own)
  end
  local left = ms_left(pots)
  return any_limited(pots) and 1 or 0, left and whole(left) or ''
end
