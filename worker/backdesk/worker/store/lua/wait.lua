-- Wait: end a running attempt whose job goes on when others have answered: a person, or its children.
--
-- ARGV: id, fence, usage (JSON), tokens (of this attempt), then for each thing that it waits for: name, target (key
--   of the answer in the ledger), ask (description as JSON), until_ms (until it is given up, or ''), otherwise (ledger
--   entry to write then, or '')
-- Returns: 1 when the attempt has left the job, 0 when it has lost its fence
-- Atomic. Idempotent: repeated after a lost answer it returns 1 again and changes nothing. What is in the ledger
-- already is not waited for; with nothing left the job is queued, and so it is when Redis has forgotten a job that it
-- called: it calls it again. A job that was asked to stop is cancelled instead. A pause that was taken back meanwhile is
-- not waited for.
--!include ending
--!include room

local job = load_job(ARGV.id)
local held, left = holds(job, ARGV.fence)
if not held then return left and (ACTIVE[job.state] or job.state == 'cancelled') and 1 or 0 end
local key, asked, first = job_key(job.id), {}, nil
local names = {} -- of what is asked of people
local MOST_TOLD = {people = 100, jobs = 20} -- by the event; the record has them all
local told = {people = 0, jobs = 0}
job.tokens = tonumber(ARGV.tokens)
write_though_full()

-- The answer to a question has the question's name; what is there already need not be waited for.
local open, called = {}, {}
for each in items(ARGV) do
  local name = ARGV[each].name
  local is_open = name ~= ARGV[each].target or redis.call('HEXISTS', ledger_key(job.id), name) == 0
  if ARGV[each].target:match('^paused:') then is_open = redis.call('HEXISTS', key, 'pausing') == 1 end
  if is_open then
    open[#open + 1] = each
    local child = name == ARGV[each].target and (cjson.decode(ARGV[each].ask).facts or {}).job_id
    if child then called[#called + 1] = job_key(child) end
  end
end
local forgotten = false
for start = 1, #called, 1000 do -- Lua passes no more than some thousand arguments
  local last = math.min(start + 999, #called)
  forgotten = forgotten or redis.call('EXISTS', unpack(called, start, last)) <= last - start
end

for _, each in ipairs(forgotten and {} or open) do
  local name, target, until_ms = ARGV[each].name, ARGV[each].target, tonumber(ARGV[each].until_ms)
  local until_at = until_ms and now + until_ms
  local whom = name == target and 'jobs' or 'people'
  if target:match('^paused:') then redis.call('HDEL', key, 'pausing') end
  told[whom] = told[whom] + 1
  if told[whom] <= MOST_TOLD[whom] then asked[#asked + 1] = ARGV[each].ask end
  redis.call('HSET', awaiting_key(job.id), name,
    cjson.encode({ARGV[each].ask, target, until_at and whole(until_at) or '', ARGV[each].otherwise}))
  if until_at and until_at < (first or until_at + 1) then first = until_at end
  if name ~= target then
    names[#names + 1] = name
    list_ask(job, name, answered_by(until_at, now))
  end
end

keep_attempt(job, 'waiting', '')
redis.call('HSET', key, 'usage', ARGV.usage, 'left_by', ARGV.fence, 'remembers', 1)
if names[1] then redis.call('HSET', key, 'asking', cjson.encode(names)) end
local stop = redis.call('HGET', key, 'stop')
if stop then
  end_cancelled(job, stop)
elseif #asked == 0 then
  withdraw(job)
  queue_up(job, 'resumed')
else
  withdraw(job)
  enter(job, 'waiting')
  watch_limits(job)
  if first then redis.call('ZADD', due_key, whole(first), job.id) end
  local more = told.people + told.jobs - #asked
  append(job, 'waiting', '{"for":[' .. table.concat(asked, ',') .. ']' .. (more > 0 and ',"more":' .. more or '') .. '}')
end
dispatch_touched()
return 1
