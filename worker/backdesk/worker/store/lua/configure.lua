-- Configure: set or remove what applies to a tenant, a kind or a queue from now on, also to jobs that wait already.
--
-- ARGV: scope, policy (weight, most at once, µs between two, burst, and as JSON; or '' to remove it), origin (the
--   policy that this one was made from, '' for none, '*' for any), pause (JSON, or ''), tenant (or ''), then for each setting of the
--   tenant: name, value
-- Returns: 1 when there was something to set or remove, else 0; -1 when another policy is in force than it was made from
-- Atomic. Idempotent.
--!include dispatch

local MOST_LIMITS = 200 -- that are looked at here; the rest is left to the leader
local scope, policy, origin, tenant = ARGV.scope, ARGV.policy, ARGV.origin, ARGV.tenant
local known = redis.call('HGET', policy_key, scope) or ''
-- One that is in force already was set by this very call, before its answer was lost.
if origin ~= '*' and known ~= origin and known ~= policy then return -1 end

local function set()
  if tenant ~= '' then
    redis.call('DEL', tenant_key(tenant))
    if policy ~= '' then redis.call('HSET', tenant_key(tenant), 'name', tenant) end
  end
  for each in items(ARGV) do redis.call('HSET', tenant_key(tenant), ARGV[each].name, ARGV[each].value) end
  if ARGV.pause == '' then redis.call('HDEL', pauses_key, scope) else redis.call('HSET', pauses_key, scope, ARGV.pause) end
  if policy == '' then return redis.call('HDEL', policy_key, scope) end
  redis.call('HSET', policy_key, scope, policy)
  return 1
end

-- What a tenant owes is worth less virtual time under a higher weight, and more under a lower one.
local function revalue(queue, ratio)
  for _, place in ipairs({lane_key(queue), departed_key(queue)}) do
    local reached, from = redis.call('ZSCORE', place, tenant), present_of(queue)
    local owed = reached and reached - from
    if owed and owed > 0 then redis.call('ZADD', place, exact(from + owed * ratio), tenant) end
  end
end

local function weight() return tenant ~= '' and place_of('', tenant, '').weight or 1 end

local before = weight()
local changed = set()
places, known_limits = {}, {}
local ratio = before / weight()
local queue_itself = scope:match('^queue (%S+)$')
if queue_itself then touched[queue_itself] = true end
for _, queue in ipairs(redis.call('HKEYS', slots_key)) do
  touched[queue] = true
  if ratio ~= 1 then revalue(queue, ratio) end
end
-- Whatever is held may have room now; what has none is held anew when its turn comes.
look_at_all_again()
readmit_due(MOST_LIMITS)
dispatch_touched()
return changed
