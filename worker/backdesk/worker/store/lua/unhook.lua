-- Unhook: forget a webhook endpoint, and what it was still to be told of. Its deliveries stay as jobs.
--
-- ARGV: id
-- Returns: 1 when it was there, else 0
-- Atomic. Idempotent.
--!include keys

local id = ARGV.id
local definition = redis.call('HGET', webhooks_key, id)
if not definition then return 0 end
local old = cjson.decode(definition)
for _, type in ipairs(old.events) do redis.call('SREM', webhook_subscribers_key(old.tenant, type), id) end
redis.call('SREM', webhooks_enabled_key, id)
redis.call('SREM', webhook_outboxes_key, id)
redis.call('HDEL', service_limits_key, 'webhook/' .. id)
redis.call('UNLINK', webhook_key(id), webhook_outbox_key(id), webhook_under_way_key(id), webhook_deliveries_key(id))
redis.call('HDEL', webhooks_key, id)
return 1
