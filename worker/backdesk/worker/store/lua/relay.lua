-- Relay: make the oldest events of a webhook endpoint's outbox into deliveries, and take them out, in one step.
--
-- ARGV: endpoint, first (the oldest event, as it was read), taken (how many events from there on the jobs stand for), then
--   for each argument that submit takes for the jobs: argument
-- Returns: how many deliveries are new, or -1 when the outbox begins with another event or Redis takes no new jobs
-- Atomic. Idempotent: deliveries have ids that follow from the endpoint and the event.
--!include keys
--!include clock
--!function submit

local MOST_LISTED = 1000
local endpoint, outbox = ARGV.endpoint, webhook_outbox_key(ARGV.endpoint)
if redis.call('LINDEX', outbox, 0) ~= ARGV.first then return -1 end
local arguments = {ARGV.prefix, ARGV.now, ARGV.idle_window, ARGV.retention_ms, ARGV.succeeded_ms}
local before = #arguments
for each in items(ARGV) do arguments[#arguments + 1] = ARGV[each].argument end
local answers, made = #arguments > before and submit(arguments) or {}, 0
for _, answer in ipairs(answers) do
  if answer[1] == -7 then return -1 end
  if answer[1] == 1 then
    made = made + 1
    redis.call('ZADD', webhook_under_way_key(endpoint), whole(now), answer[2])
    redis.call('ZADD', webhook_deliveries_key(endpoint), whole(now), answer[2])
  end
end
redis.call('ZREMRANGEBYRANK', webhook_deliveries_key(endpoint), 0, -MOST_LISTED - 1)
redis.call('LTRIM', outbox, ARGV.taken, -1)
if redis.call('EXISTS', outbox) == 0 then redis.call('SREM', webhook_outboxes_key, endpoint) end
return made
