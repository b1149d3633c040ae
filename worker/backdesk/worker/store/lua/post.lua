-- Post: put an event into the outbox of one webhook endpoint, whatever it wants to be told of.
--
-- ARGV: endpoint, entry (JSON)
-- Returns: 1 when it is there, 0 when there is no such endpoint
-- Atomic. Not idempotent: repeated after a lost answer the same event is there twice, and delivered once.
--!include webhooks

if redis.call('HEXISTS', webhooks_key, ARGV.endpoint) == 0 then return 0 end
post(ARGV.endpoint, ARGV.entry)
return 1
