-- Hook: keep the definition of a webhook endpoint, and subscribe it to what it wants to be told of.
--
-- ARGV: id, definition (JSON), known (the definition that it takes the place of, or ''), tenant (or '*'), limit (of
--   deliveries at a time as JSON, for a new one), then for each subscription: type
-- Returns: 1 when it is kept, 0 when it has another definition than was known
-- Atomic. Idempotent. Without types it is disabled: what is in its outbox stays there.
--!include keys
--!include clock

local before = redis.call('HGET', webhooks_key, ARGV.id) or ''
if before == ARGV.definition then return 1 end
if before ~= ARGV.known then return 0 end
if before == '' then
  redis.call('HSETNX', service_limits_key, 'webhook/' .. ARGV.id, ARGV.limit)
else
  local old = cjson.decode(before)
  for _, type in ipairs(old.events) do redis.call('SREM', webhook_subscribers_key(old.tenant, type), ARGV.id) end
end
redis.call('HSET', webhooks_key, ARGV.id, ARGV.definition)
redis.call('HDEL', webhook_key(ARGV.id), 'failing_since', 'gone')
redis.call('SREM', webhooks_enabled_key, ARGV.id)
for each in items(ARGV) do
  redis.call('SADD', webhook_subscribers_key(ARGV.tenant, ARGV[each].type), ARGV.id)
  redis.call('SADD', webhooks_enabled_key, ARGV.id)
end
-- Whoever waits for a change of the outboxes is to look again.
if redis.call('EXISTS', webhook_outbox_key(ARGV.id)) == 1 then redis.call('SADD', webhook_outboxes_key, ARGV.id) end
return 1
