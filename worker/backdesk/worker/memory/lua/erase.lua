-- Erase: forget what was said in a conversation.
--
-- ARGV: tenant, conversation
-- Returns: 1 when there was something, else 0
-- Atomic. Idempotent. An attempt that is under way may begin it anew, with its own turn.
--!include history

redis.call('ZREM', conversations_key(ARGV.tenant), ARGV.conversation)
return redis.call('DEL', history_key(ARGV.tenant, ARGV.conversation))
