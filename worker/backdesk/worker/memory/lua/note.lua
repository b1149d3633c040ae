-- Note: add an entry to a journal of a tenant.
--
-- ARGV: tenant, topic, entry (JSON), most (entries to keep), kept_ms (each)
-- Returns: 1 when it is new, 0 when it was there
-- Atomic. Idempotent by the entry: whoever adds the same again adds nothing.
--!include keys
--!include clock

local tenant, topic, kept_ms = ARGV.tenant, ARGV.topic, tonumber(ARGV.kept_ms)
local journal, index = notes_key(tenant, topic), noted_key(topic)
redis.call('ZREMRANGEBYSCORE', journal, '-inf', whole((now - kept_ms) * 1000))
-- In µs, so that each has a moment of its own and their order is that of their coming.
local last = tonumber(redis.call('ZRANGE', journal, -1, -1, 'WITHSCORES')[2] or 0)
local added = redis.call('ZADD', journal, 'NX', whole(math.max(now * 1000, last + 1)), ARGV.entry)
redis.call('ZREMRANGEBYRANK', journal, 0, -tonumber(ARGV.most) - 1)
redis.call('PEXPIRE', journal, kept_ms)
redis.call('ZADD', index, whole(now), tenant)
redis.call('ZREMRANGEBYSCORE', index, '-inf', whole(now - kept_ms))
redis.call('PEXPIRE', index, kept_ms)
return added
