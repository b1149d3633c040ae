-- Fire: write the job of a schedule whose moment has come, and plan its next one, in one step.
--
-- ARGV: name, generation, planned (moment in ms), following (next moment in ms, or ''), moment (of the job in ms, or
--   ''), passed (moments left out), skips (1 to leave this one out while the last job goes on, or ''), error (JSON or
--   ''), tenant (whose it is, or ''), then for each argument that submit takes for the job: argument
-- Returns: {code, job id or ''}: 1 the job is written, 0 it was there, 2 there was none to write, 3 left out because the
--   last job goes on, -1 nothing done because the schedule was fired, paused, replaced or removed meanwhile;
--   or {-4, field} nothing done because the tenant, or its kind, is not allowed, {-6, quota} because it has too much already
--   or {-7, memory} because Redis is nearly full, as submit says them
-- Atomic. Idempotent. A next moment that is the planned one means: look at it again in a minute.
--!include keys
--!include clock
--!include webhooks
--!function submit

local RETRY_MS = 60000
local ENDED = {succeeded = true, failed = true, cancelled = true, expired = true}
local name, planned, following = ARGV.name, ARGV.planned, ARGV.following
local key = schedule_key(name)
local field = redis.call('HMGET', key, 'generation', 'next', 'paused', 'last_job')
if field[1] ~= ARGV.generation or field[2] ~= planned or field[3] then return {-1, ''} end

local function last_goes_on()
  local state = field[4] and redis.call('HGET', job_key(field[4]), 'state')
  return state and not ENDED[state]
end

local function write_job()
  local arguments = {ARGV.prefix, ARGV.now, ARGV.idle_window, ARGV.retention_ms, ARGV.succeeded_ms}
  for each in items(ARGV) do arguments[#arguments + 1] = ARGV[each].argument end
  local answer = submit(arguments)[1]
  if answer[1] <= -4 then return answer end
  if answer[1] == 1 then
    redis.call('HINCRBY', key, 'fired', 1)
    redis.call('HSET', key, 'last_job', answer[2], 'last_planned_at', ARGV.moment, 'last_fired_at', whole(now))
  end
  redis.call('HDEL', key, 'error')
  return {answer[1] == 1 and 1 or 0, answer[2]}
end

local function decide()
  if ARGV.error ~= '' then
    redis.call('HSET', key, 'error', ARGV.error)
    redis.call('HINCRBY', key, 'failed', 1)
  elseif ARGV.moment ~= '' and ARGV.skips ~= '' and last_goes_on() then
    redis.call('HINCRBY', key, 'skipped', 1)
    return {3, field[4]}
  elseif ARGV.moment ~= '' then
    return write_job()
  end
  return {2, ''}
end

local done = decide()
if done[1] < 0 then return done end
redis.call('HINCRBY', key, 'misfires', ARGV.passed)
if tonumber(ARGV.passed) > 0 and has_webhooks() then
  tell_webhooks(ARGV.tenant, 'schedule.missed', name .. ' ' .. planned, '{"schedule":' .. cjson.encode(name) ..
    ',"planned_at":"' .. iso(tonumber(planned)) .. '","missed":' .. ARGV.passed .. '}')
end
redis.call('HSET', key, 'next', following)
if following == '' then
  redis.call('ZREM', schedule_due_key, name)
else
  redis.call('ZADD', schedule_due_key, following == planned and whole(now + RETRY_MS) or following, name)
end
return done
