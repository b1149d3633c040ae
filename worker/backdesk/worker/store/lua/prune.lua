-- Prune: forget the jobs whose retention has passed.
--
-- ARGV: most (jobs to take)
-- Returns: how many were forgotten
-- Atomic. Idempotent. It asks for no memory, so that a full server can be relieved by it.
--!include clock
--!include forget

local ids = redis.call('ZRANGEBYSCORE', forgetting_key, '-inf', whole(now), 'LIMIT', 0, ARGV.most)
for _, id in ipairs(ids) do forget(id) end
return #ids
