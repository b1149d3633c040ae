-- Prune: forget the jobs whose retention has passed.
--
-- ARGV: most (jobs to take), spared_ms (for which they are kept beyond that, for an archive that has not taken them; or '')
-- Returns: how many were forgotten
-- Atomic. Idempotent. It asks for no memory, so that a full server can be relieved by it.
--!include clock
--!include forget

local till = now - (tonumber(ARGV.spared_ms) or 0)
local ids = redis.call('ZRANGEBYSCORE', forgetting_key, '-inf', whole(till), 'LIMIT', 0, ARGV.most)
for _, id in ipairs(ids) do forget(id) end
if ARGV.spared_ms ~= '' and #ids > 0 then
  redis.call('HINCRBY', archive_key, 'lost', #ids)
  redis.call('HSET', archive_key, 'lost_at', whole(now))
end
return #ids
