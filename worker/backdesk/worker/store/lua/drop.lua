-- Drop: forget dead letters now.
--
-- ARGV: common, then for each job: job id
-- Returns: how many were forgotten; a job that has not failed is left alone
-- Atomic. Idempotent.
--!include forget

local dropped = 0
for index = 5, #ARGV do
  if redis.call('HGET', job_key(ARGV[index]), 'state') == 'failed' then
    forget(ARGV[index], 'failed')
    dropped = dropped + 1
  end
end
return dropped
