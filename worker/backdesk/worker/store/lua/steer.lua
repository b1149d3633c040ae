-- Steer: let a running job take messages of jobs that came into its conversation meanwhile, and see which it may take.
--
-- ARGV: id, fence, most_bytes (of all messages that a job takes), then for each job whose message it takes: source (its id)
-- Returns: {1, all messages that it has taken (JSON objects with commas between), {id, request, ...} of those that it
--   may take, the oldest first}, or {0} when the attempt has lost its fence
-- Atomic. Idempotent: a job whose message was taken has ended, and is not taken twice. One that has got its turn, was
-- cancelled, or is of another kind stays what it is, and so do all while this job is asked to stop.
--!include ending

local MOST = 20 -- that are looked at in one call
local job = load_job(ARGV.id)
if not holds(job, ARGV.fence) then return {0} end
local key = job_key(job.id)
local field = redis.call('HMGET', key, 'messages', 'stop')
local taken = field[1] or ''
if not job.conversation or field[2] then return {1, taken, {}} end
local offers, wanted = steering_key(job.tenant, job.conversation), {}
for each in items(ARGV) do wanted[ARGV[each].source] = true end

local function absorb(other, request)
  local entry = '{"job_id":"' .. other.id .. '","at":' .. whole(now) .. ',"request":' .. request .. '}'
  if #taken + #entry > tonumber(ARGV.most_bytes) then return end
  taken = taken == '' and entry or taken .. ',' .. entry
  redis.call('HSET', key, 'messages', taken)
  append(job, 'steering', '{"job_id":"' .. other.id .. '"}')
  conclude(other, 'steered', 'steered_into', job.id, '{"into":"' .. job.id .. '"}')
end

local offered = {}
for _, id in ipairs(redis.call('ZRANGE', offers, 0, MOST - 1)) do
  local other = load_job(id)
  if not other or other.state ~= 'queued' then
    redis.call('ZREM', offers, id)
  elseif other.kind == job.kind then
    local request = redis.call('HGET', job_key(id), 'request')
    if wanted[id] then
      absorb(other, request)
    else
      offered[#offered + 1] = id
      offered[#offered + 1] = request
    end
  end
end
dispatch_touched()
return {1, taken, offered}
