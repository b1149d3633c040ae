-- Reject: record a message that cannot become a job as a failed job, so that its sender can read why.
--
-- ARGV: id, kind, tenant, error (JSON)
-- Returns: 1 when recorded, 0 when a job of this id is already there
-- Atomic. Idempotent.
--!include ending

local id = ARGV.id
if redis.call('EXISTS', job_key(id)) == 1 then return 0 end
local job = {id = id, kind = ARGV.kind, tenant = ARGV.tenant, queue = '', state = 'queued', attempt = 0}
redis.call('HSET', job_key(id), 'kind', job.kind, 'tenant', job.tenant, 'queue', '', 'state', job.state, 'priority', 0,
  'rank', 0, 'attempt', 0, 'request', 'null', 'fingerprint', '', 'created_at', whole(now))
redis.call('ZADD', tenant_jobs_key(job.tenant), whole(now), id)
redis.call('SADD', tenants_key, job.tenant)
conclude(job, 'failed', 'error', ARGV.error, ARGV.error)
return 1
