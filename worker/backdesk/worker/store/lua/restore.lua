-- Restore: put back a job that the archive has, to be done again. It is kept as if it had ended now.
--
-- ARGV: id, then for each entry: part (field spent child log ledger checkpoint), name (or ''), value
-- Returns: 1 when it was put back, 0 when it is there
-- Atomic. Idempotent. What is here goes before what the archive has.
--!include indexes

local PUT = {
  field = function(name, value) redis.call('HSET', job_key(ARGV.id), name, value) end,
  spent = function(name, value) redis.call('HSET', spent_key(ARGV.id), name, value) end,
  child = function(_, value) redis.call('SADD', children_key(ARGV.id), value) end,
  log = function(_, value) redis.call('SET', log_key(ARGV.id), value) end,
  ledger = function(name, value) redis.call('HSET', ledger_key(ARGV.id), name, value) end,
  checkpoint = function(_, value) redis.call('SET', checkpoint_key(ARGV.id), value) end,
}

if redis.call('EXISTS', job_key(ARGV.id)) == 1 then return 0 end
-- First, so that the job is forgotten in time wherever this is ended.
redis.call('ZADD', forgetting_key, whole(now + tonumber(ARGV.retention_ms)), ARGV.id)
for each in items(ARGV) do PUT[ARGV[each].part](ARGV[each].name, ARGV[each].value) end
local field = redis.call('HMGET', job_key(ARGV.id), 'state', 'tenant', 'created_at', 'finished_at', 'kind', 'error')
local ended_at = field[4] or whole(now)
redis.call('ZADD', state_key(field[1]), ended_at, ARGV.id)
index_job({id = ARGV.id, tenant = field[2], kind = field[5]}, field[1], ended_at)
if field[1] == 'failed' then redis.call('ZADD', dead_letters_like(field[6]), ended_at, ARGV.id) end
redis.call('ZADD', tenant_jobs_key(field[2]), field[3] or whole(now), ARGV.id)
redis.call('SADD', tenants_key, field[2])
return 1
