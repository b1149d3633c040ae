-- Account: replace what a call has set aside by what it has really cost.
--
-- ARGV: id, fence, number (of the call), tokens ('' when nothing better than the estimate is known), cost (in
--   millionths of a dollar, '' when unknown), model_calls, tool_calls
-- Returns: 1 when it is settled by this, 0 when it was before, or was written off
-- Atomic. Idempotent. Needs no fence: what an attempt has spent is spent. The day is the one on which it was set aside.
--!include budget

local id, call = ARGV.id, call_field(ARGV.fence, ARGV.number)
local kept = redis.call('HGET', spent_key(id), call)
if not kept then return 0 end
kept = read_kept(kept)

local function change()
  if ARGV.tokens == '' then return {} end
  -- A cost that is not known after all leaves the estimate of it.
  local real = {tokens = ARGV.tokens, cost = ARGV.cost ~= '' and ARGV.cost or kept.cost, model_calls = ARGV.model_calls,
    tool_calls = ARGV.tool_calls, unpriced = ARGV.cost == '' and 1 or 0}
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
