-- Statistics: what the ends of jobs come to, by day in UTC, tenant and kind. Of each measure the sum, the least, the most
-- and a sketch: a value counts in the bucket i for which gamma^(i-1) < value <= gamma^i. Buckets add up over days,
-- tenants and kinds, and tell any quantile with the relative accuracy (DDSketch: Masson, Rim, Lee, "DDSketch: a fast and
-- fully-mergeable quantile sketch with relative-error guarantees", PVLDB 12, 2019). Read by backdesk.worker.memory.ddsketch.
-- Fields: '#' and a state; a measure; a measure and its bucket: ' p' or ' n' (less than nothing) and i, ' z' for nothing.
--!include events

local STATS_KEPT_MS = 41 * 86400000 -- from the first end on a day, hence 40 days from the last
local RELATIVE_ACCURACY = 0.02
local LOG_GAMMA = math.log((1 + RELATIVE_ACCURACY) / (1 - RELATIVE_ACCURACY))
local COUNTED_OF_MODELS = {'requests', 'cached_requests', 'input_tokens', 'output_tokens', 'tool_calls'}
local LEAST_MEASURED = 1e-9 -- what is nearer to nothing than this counts as nothing
local MOST_STATS_FIELDS = 20000 -- of one day, tenant and kind: new measures beyond are not counted

-- The seconds in which attempts at a job ran, and those that it waited for the first; `ran` says that one runs until now.
local function seconds_of_life(job, ran)
  local field = redis.call('HMGET', job_key(job.id), 'created_at', 'run_at', 'started_at', 'past')
  local created, meant, last = tonumber(field[1]), tonumber(field[2]), tonumber(field[3]) or now
  local first, run_ms = last, 0
  for _, past in ipairs(field[4] and cjson.decode('[' .. field[4] .. ']') or {}) do
    local began = tonumber(past.started_at) or past.ended_at
    run_ms, first = run_ms + past.ended_at - began, math.min(first, began)
    if past.attempt == job.attempt then ran = false end -- it was kept just now
  end
  if ran then run_ms = run_ms + now - last end
  -- A retry has put another time in the place of the one that the job was submitted for.
  local due = meant and meant <= first and meant or created
  return math.max(run_ms, 0) / 1000, math.max(first - due, 0) / 1000
end

-- What is measured of a job that ends, by name; nothing when it neither used a model nor measured anything.
--!rare
local function measures_of(job, ran, usage)
  local used = cjson.decode(usage)
  local measured, cost = used.measures or {}, tonumber(used.cost_usd)
  local asked = cost
  for _, name in ipairs(COUNTED_OF_MODELS) do
    asked = asked or (used[name] or 0) > 0
  end
  if asked then
    measured.cost_usd = cost
    for _, name in ipairs(COUNTED_OF_MODELS) do
      measured[name] = used[name] or 0
    end
  end
  if next(measured) then
    measured.attempts = job.attempt
    measured.run_seconds, measured.wait_seconds = seconds_of_life(job, ran)
  end
  return measured
end

local function bucket_of(value)
  local size = math.abs(value)
  if size < LEAST_MEASURED then return ' z' end
  return (value > 0 and ' p' or ' n') .. math.ceil(math.log(size) / LOG_GAMMA)
end

-- Add measures to those of a day, tenant and kind: one command that reads and one that writes, however many they are.
-- Sum, least and most are three doubles, packed: to write them as text would take longer than all the rest.
--!rare
local function add_measures(key, measured)
  local names, fields, set = {}, {}, {}
  for name, value in pairs(measured) do
    names[#names + 1] = name
    fields[#fields + 1] = name
    fields[#fields + 1] = name .. bucket_of(value)
  end
  if not names[1] then return end
  local before, full = redis.call('HMGET', key, unpack(fields)), redis.call('HLEN', key) > MOST_STATS_FIELDS
  for number, name in ipairs(names) do
    local value, of_all, of_bucket = measured[name], before[number * 2 - 1], before[number * 2]
    local sum, least, most = 0, value, value
    if of_all then sum, least, most = struct.unpack('<ddd', of_all) end
    if of_all or not full then
      set[#set + 1] = name
      set[#set + 1] = struct.pack('<ddd', sum + value, math.min(least, value), math.max(most, value))
      set[#set + 1] = fields[number * 2]
      set[#set + 1] = (tonumber(of_bucket) or 0) + 1
    end
  end
  if set[1] then redis.call('HSET', key, unpack(set)) end
end

-- Count a job that ends in a state, with what it measured by its `usage`, JSON or false. It must be called once a job.
-- One that used nothing costs a single command. A message that never became a job has no queue, and is not counted.
local function count_end(job, state, ran, usage)
  if job.queue == '' then return end
  local day = at:sub(1, 10)
  local key = stats_key(day, job.tenant, job.kind)
  if redis.call('HINCRBY', key, '#' .. state, 1) == 1 then
    redis.call('PEXPIRE', key, STATS_KEPT_MS)
    redis.call('SADD', stats_of_day_key(day), job.tenant .. ' ' .. job.kind)
    redis.call('PEXPIRE', stats_of_day_key(day), STATS_KEPT_MS)
  end
  if usage and usage ~= '{}' then add_measures(key, measures_of(job, ran, usage)) end
end
