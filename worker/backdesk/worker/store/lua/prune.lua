-- Prune: forget the jobs that ended before the retention.
--
-- ARGV: common, terminal state, most jobs to take
-- Returns: how many were forgotten
-- Atomic. Idempotent.
--!include clock
--!include forget

local before = whole(now - tonumber(ARGV[4]))
local ids = redis.call('ZRANGEBYSCORE', state_key(ARGV[5]), '-inf', before, 'LIMIT', 0, ARGV[6])
for _, id in ipairs(ids) do forget(id, ARGV[5]) end
return #ids
