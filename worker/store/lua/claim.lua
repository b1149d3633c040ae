-- Claim: turn a delivery into the right to run one attempt, with a lease and a fence.
--
-- ARGV: prefix, now ms or '', idle window, job id, lease ms, worker, token (unique to this claim), retention ms
-- Returns: {1, attempt, kind, tenant, queue, request, metadata or '', expires-at ms or '', watchers},
--   or {0, reason} when there is nothing to run: a second delivery, a job withdrawn, an unknown job. The reason is the
--   error as JSON when the job ended without its sender being told, else ''
-- Atomic. Idempotent by token: repeated after a lost answer it returns the same claim.
--!include record
--!include dispatch

local id, token, worker = ARGV[4], ARGV[7], ARGV[6]
local job = load_job(id)
if not job then return {0, ''} end
local key = job_key(id)

local function claim(watchers)
  local field = redis.call('HMGET', key, 'request', 'metadata', 'expires_at')
  return {1, job.attempt, job.kind, job.tenant, job.queue, field[1], field[2] or '', field[3] or '', watchers}
end

if job.state == 'running' and redis.call('HGET', key, 'token') == token then return claim(0) end
if job.state ~= 'queued' then
  local untold = redis.call('HDEL', key, 'untold') == 1
  return {0, untold and redis.call('HGET', key, 'error') or ''}
end

local expires_at = tonumber(redis.call('HGET', key, 'expires_at'))
if expires_at and expires_at <= now then
  local reason = lapse(job, tonumber(ARGV[8]))
  dispatch(job.queue, tonumber(ARGV[3]))
  return {0, reason}
end

redis.call('ZREM', window_key(job.queue), id)
redis.call('ZREM', line_key(job.queue, job.tenant), id) -- a job delivered twice may stand in line again
redis.call('ZADD', leases_key, whole(now + tonumber(ARGV[5])), id)
job.attempt = redis.call('HINCRBY', key, 'attempt', 1)
redis.call('HSET', key, 'worker', worker, 'token', token, 'started_at', whole(now), 'emitted', 0)
enter(job, 'running')
local watchers = append(job, 'started', '{"worker":' .. cjson.encode(worker) .. '}')
dispatch(job.queue, tonumber(ARGV[3]))
return claim(watchers)
