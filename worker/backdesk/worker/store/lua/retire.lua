-- Retire: forget jobs that are in the archive now.
--
-- ARGV: then for each job: id, replayed_as (of what was archived, or '')
-- Returns: how many were forgotten; one that was put back, replayed or made anew since it was read stays until next time
-- Atomic. Idempotent. It asks for no memory, so that a full server can be relieved by it.
--!include clock
--!include forget

local retired = 0
for each in items(ARGV) do
  local id = ARGV[each].id
  local till = tonumber(redis.call('ZSCORE', forgetting_key, id) or now + 1)
  if till <= now and (redis.call('HGET', job_key(id), 'replayed_as') or '') == ARGV[each].replayed_as then
    forget(id)
    retired = retired + 1
  end
end
if retired > 0 then
  redis.call('HINCRBY', archive_key, 'archived', retired)
  redis.call('HSET', archive_key, 'archived_at', whole(now))
  redis.call('HDEL', archive_key, 'error')
end
return retired
