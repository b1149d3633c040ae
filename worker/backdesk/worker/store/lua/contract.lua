-- Contract: read what workers have announced of a kind.
--
-- ARGV: kind
-- Returns: the contract as JSON, or nothing
-- Atomic. Idempotent.
--!include keys

return redis.call('HGET', kinds_key, ARGV.kind)
