-- Drop: forget dead letters now.
--
-- ARGV: then for each job: id
-- Returns: how many were forgotten; a job that has not failed is left alone, as is one whose children are being cancelled
-- Atomic. Idempotent.
--!include forget

local dropped = 0
for each in items(ARGV) do
  local id = ARGV[each].id
  if redis.call('HGET', job_key(id), 'state') == 'failed' and redis.call('HEXISTS', orphaned_key, id) == 0 then
    forget(id)
    dropped = dropped + 1
  end
end
return dropped
