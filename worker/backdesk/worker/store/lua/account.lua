-- Account: replace what a call has set aside by what it has really cost.
--
-- ARGV: common, job id, attempt, number of the call, tokens ('' when nothing better than the estimate is known), cost (in
--   millionths of a dollar, '' when unknown), model calls, tool calls
-- Returns: 1 when it is settled by this, 0 when it was before, or was written off
-- Atomic. Idempotent. Needs no fence: what an attempt has spent is spent. The day is the one on which it was set aside.
--!include budget

local id, call = ARGV[5], call_field(ARGV[6], ARGV[7])
local kept = redis.call('HGET', spent_key(id), call)
if not kept then return 0 end
kept = cjson.decode(kept)

local function change()
  if ARGV[8] == '' then return {} end
  -- A cost that is not known after all leaves the estimate of it.
  local real = {tokens = ARGV[8], cost = ARGV[9] ~= '' and ARGV[9] or kept.cost, model_calls = ARGV[10],
    tool_calls = ARGV[11], unpriced = ARGV[9] == '' and 1 or 0}
  local difference = {}
  for _, name in ipairs(COUNTED) do difference[name] = tonumber(real[name]) - tonumber(kept[name]) end
  return difference
end

local difference, pots = change(), pots_of_family(id)
local tenant = redis.call('HGET', job_key(id), 'tenant')
local day = tenant and pot_of_day(tenant, id, kept.day)
if day and redis.call('EXISTS', day.key) == 1 then pots[#pots + 1] = day end
redis.call('HDEL', spent_key(id), call)
set_aside(pots, kept, -1)
for _, pot in ipairs(pots) do add_to(pot, difference) end
return 1
