-- Endpoint: read the definition of a webhook endpoint.
--
-- ARGV: id
-- Returns: the definition as JSON, or false when there is none
-- Atomic. Idempotent.
--!include keys

return redis.call('HGET', webhooks_key, ARGV.id)
