-- Spend: set aside what a call is going to cost, in every pot that its job's spending counts against, or in none.
--
-- ARGV: id, fence, number (of the call, '' only asks whether there is time), tokens, cost (in millionths of a
--   dollar, '' when unknown), model_calls, tool_calls, more_tokens, more_cost (both taken as far as there is room),
--   cheaper (job or day whose budget is lived on by cheaper means from this call on, or ''), in_any_case (1 to count
--   in any case, or ''), final (1 when that is what it costs and nobody will account for it, or '')
-- Returns: {1, share of what was taken more in millionths, 1 when the spending is limited else 0, ms that are left or
--   ''}, {0, refusal as JSON}, {-1} when the attempt has lost its fence, {-2, whose money it is} when the cost is unknown
--   and a budget in money, {-3, tenant, setting, value} when a limit of the tenant is no number
-- Atomic. Idempotent by call; of final ones by the last, as each call of an attempt waits for the one before. What a
-- lost attempt has set aside stays spent: its calls may have been billed.
--!include budget
--!include webhooks

local id, fence, number = ARGV.id, ARGV.fence, ARGV.number
local call = call_field(fence, number)
local cheaper, in_any_case, final = ARGV.cheaper ~= '', ARGV.in_any_case ~= '', ARGV.final ~= ''
local least = {tokens = tonumber(ARGV.tokens), cost = tonumber(ARGV.cost), model_calls = tonumber(ARGV.model_calls),
  tool_calls = tonumber(ARGV.tool_calls), unpriced = ARGV.cost == '' and 1 or 0}
local more = {tokens = tonumber(ARGV.more_tokens), cost = tonumber(ARGV.more_cost)}
local field = redis.call('HMGET', job_key(id), 'state', 'fence', 'tenant')
local tenant = field[3]
local fenced = field[1] == 'running' and field[2] == fence
if not tenant or not (fenced or in_any_case) then return {-1} end
local pots = pots_of(id, tenant)
local RANK = {fail = 1, approve = 2, cheaper = 3, pending = 4}

local function granted(share)
  local left = ms_left(pots)
  return {1, share, any_limited(pots) and 1 or 0, left and whole(left) or ''}
end

-- Tell webhooks that a budget is used up, once for each of its limits.
local function tell_reached(pot, found)
  if found.limit == 'wall' or not has_webhooks() then return end
  if redis.call('HSETNX', pot.key, 'told:' .. found.limit, 1) == 0 then return end
  local data = {job_id = pot.job, day = pot.day, limit = found.limit, allowed = found.allowed, spent = found.spent}
  tell_webhooks(tenant, 'budget.reached', (pot.job or pot.day) .. ' ' .. found.limit, cjson.encode(data))
end

local function refusal(pot, limit, pending)
  local on_limit = limit == 'wall' and pot.on_limit == 'cheaper' and 'fail' or pot.on_limit -- time cannot be bought
  local found = {limit = limit, on_limit = on_limit, grants = pot.grants, job_id = pot.job or '',
    tenant = pot.tenant or '', day = pot.day or ''}
  if limit == 'wall' then
    found.allowed, found.spent, found.wanted = pot.ends_at - pot.began, now - pot.began, 0
  else
    found.allowed, found.spent = allowance_of(pot, limit, cheaper), pot.spent[limit]
    found.wanted = least[limit] or 0
  end
  if pot.tenant then found.resets_in = DAY_MS - now % DAY_MS end
  found.pending = pending
  if not pending then tell_reached(pot, found) end
  return {0, cjson.encode(found)}
end

-- The gravest of all refusals: nobody need approve of what fails anyway, and nobody need wait for what stays refused.
local function refused()
  local first, limit, gravest = nil, nil, 5
  for _, pot in ipairs(pots) do
    if pot.invalid then return {-3, pot.tenant, pot.invalid[1], pot.invalid[2]} end
    if pot.limits.cost and least.unpriced == 1 then return {-2, pot.job or '', pot.tenant or ''} end
    local name, stays = barrier(pot, least, cheaper)
    local rank = name and (stays and RANK[pot.on_limit] or RANK.pending) or 5
    if rank < gravest then first, limit, gravest = pot, name, rank end
  end
  return first and refusal(first, limit, gravest == RANK.pending)
end

-- How much of what is wanted more all pots have room for, in millionths.
local function room()
  local share = 1
  for _, pot in ipairs(pots) do
    for name, wanted in pairs(more) do
      if wanted > 0 and pot.limits[name] then
        local left = allowance_of(pot, name, cheaper) - pot.spent[name] - (least[name] or 0)
        share = math.min(share, math.max(left, 0) / wanted)
      end
    end
  end
  return math.floor(share * MICRO)
end

-- Take note that calls of lost attempts will not be settled any more. Returns whether there were any.
local function write_off()
  if redis.call('HGET', spent_key(id), 'fence') == fence then return false end
  local found = false
  for _, name in ipairs(redis.call('HKEYS', spent_key(id))) do
    local of = name:match('^call:([^.]+)%.')
    if of and of ~= fence then
      local kept = read_kept(redis.call('HGET', spent_key(id), name))
      set_aside(kept.day == pots[#pots].day and pots or pots_of_family(id), kept, -1)
      redis.call('HDEL', spent_key(id), name)
      found = true
    end
  end
  redis.call('HSET', spent_key(id), 'fence', fence)
  return found
end

local function take(share)
  local amount = {unpriced = least.unpriced, model_calls = least.model_calls, tool_calls = least.tool_calls,
    tokens = least.tokens + math.floor(more.tokens * share / MICRO),
    cost = (least.cost or 0) + math.floor(more.cost * share / MICRO)}
  local kept = {day = pots[#pots].day, share = share}
  for _, name in ipairs(COUNTED) do kept[name] = amount[name] end
  if final then
    redis.call('HSET', spent_key(id), 'final', call)
  else
    redis.call('HSET', spent_key(id), call, as_kept(kept))
    set_aside(pots, kept, 1)
  end
  for _, pot in ipairs(pots) do
    if cheaper and (pot.job or pot.day) == ARGV.cheaper then redis.call('HSET', pot.key, 'cheaper', 1) end
    if pot.tenant and redis.call('HSETNX', spent_key(id), 'on:' .. pot.day, 1) == 1 then
      redis.call('HINCRBY', pot.key, 'jobs', 1)
    end
    add_to(pot, amount)
  end
  redis.call('SADD', spenders_key(kept.day), tenant)
  redis.call('PEXPIRE', spenders_key(kept.day), DAYS_KEPT_MS)
end

local known = redis.call('HMGET', spent_key(id), call, 'final')
if known[1] then return granted(read_kept(known[1]).share) end
if known[2] == call then return granted(MICRO) end
if fenced and number ~= '' and write_off() then pots = pots_of(id, tenant) end
local no = not in_any_case and refused()
if no then return no end
if number == '' then return granted(0) end
local share = in_any_case and MICRO or room()
take(share)
return granted(share)
