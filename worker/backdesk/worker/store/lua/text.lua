-- Text: keep what many jobs send to models in the same words, once.
--
-- ARGV: digest, text (packed), kept_ms (from its last use)
-- Returns: 1
-- Atomic. Idempotent.
--!include keys

redis.call('SET', text_key(ARGV.digest), ARGV.text, 'PX', ARGV.kept_ms)
return 1
