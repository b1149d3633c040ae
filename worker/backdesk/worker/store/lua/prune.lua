-- Prune: forget the jobs that ended before the retention.
--
-- ARGV: state (terminal), most (jobs to take)
-- Returns: how many were forgotten
-- Atomic. Idempotent.
--!include clock
--!include forget

local before = whole(now - tonumber(ARGV.retention_ms))
local ids = redis.call('ZRANGEBYSCORE', state_key(ARGV.state), '-inf', before, 'LIMIT', 0, ARGV.most)
for _, id in ipairs(ids) do forget(id, ARGV.state) end
return #ids
