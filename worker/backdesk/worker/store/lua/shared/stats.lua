-- Statistics: what the ends of jobs come to, by day in UTC, tenant and kind. Of each measure the sum, the least, the most
-- and a sketch: a value counts in the bucket i for which gamma^(i-1) < value <= gamma^i. Buckets add up over days,
-- tenants and kinds, and tell any quantile with the relative accuracy (DDSketch: Masson, Rim, Lee, "DDSketch: a fast and
-- fully-mergeable quantile sketch with relative-error guarantees", PVLDB 12, 2019). Read by backdesk.worker.memory.ddsketch.
-- A job that was tried with variants of prompts counts besides under its kind, a blank, and each ('refund=brief').
-- Fields: '#' and a state, with the bucket of the seconds that the job ran if it did; a measure; a measure and its bucket:
-- ' p' or ' n' (less than nothing) and i, ' z' for nothing.
--!include events
--!include ends

local STATS_KEPT_MS = 41 * 86400000 -- from the first end on a day, hence 40 days from the last
local RELATIVE_ACCURACY = 0.02
local LOG_GAMMA = math.log((1 + RELATIVE_ACCURACY) / (1 - RELATIVE_ACCURACY))
local COUNTED_OF_MODELS = {'requests', 'cached_requests', 'input_tokens', 'output_tokens', 'tool_calls'}
local LEAST_MEASURED = 1e-9 -- what is nearer to nothing than this counts as nothing
local MOST_VARIANTS = 8 -- of one job
local MOST_STATS_FIELDS = 20000 -- of one day, tenant and kind: new measures beyond are not counted

-- When the first attempt at a job began and the ms that they all took, given when the last began and, as JSON, how those
-- before ended; `ran` says that the last runs until now.
--!rare
local function times_of_all(job, ran, last, past)
  local first, run_ms = last, 0
  for _, each in ipairs(cjson.decode('[' .. past .. ']')) do
    local began = tonumber(each.started_at) or each.ended_at
    run_ms, first = run_ms + each.ended_at - began, math.min(first, began)
    if each.attempt == job.attempt then ran = false end -- it was kept just now
  end
  return first, ran and run_ms + now - last or run_ms
end

-- What is measured of a job that ends, by name; nothing when it neither used a model nor measured anything.
--!rare
local function measures_of(job, waited_ms, used)
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
    measured.attempts, measured.wait_seconds = job.attempt, (waited_ms or 0) / 1000
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

-- Count a job with what it measured under a kind, or a kind and a variant.
local function count_under(day, tenant, group, field, measured)
  local key = stats_key(day, tenant, group)
  if redis.call('HINCRBY', key, field, 1) == 1 and redis.call('HLEN', key) == 1 then
    redis.call('PEXPIRE', key, STATS_KEPT_MS)
    redis.call('SADD', stats_of_day_key(day), tenant .. ' ' .. group)
    redis.call('PEXPIRE', stats_of_day_key(day), STATS_KEPT_MS)
  end
  if next(measured) then add_measures(key, measured) end
end

-- Count a job that ends in a state, with what it measured by its `usage`, JSON or false. When it was created, meant to run
-- and started last, in ms, and its past are as in its record; `ran` says that an attempt runs until now. It must be called
-- once a job. A message that never became a job has no queue, and is not counted.
local function count_end(job, state, ran, usage, created, meant, last, past)
  if job.queue == '' then return end
  local day, duration = at:sub(1, 10), ''
  local waited_ms, ran_ms
  if last then
    local first = tonumber(last)
    ran_ms = ran and now - first or 0
    if past then first, ran_ms = times_of_all(job, ran, first, past) end
    -- A retry has put another time in the place of the one that the job was submitted for.
    meant = tonumber(meant or created)
    waited_ms = math.max(first - (meant <= first and meant or tonumber(created)), 0)
    duration = bucket_of(ran_ms / 1000)
  end
  local used = usage and usage ~= '{}' and cjson.decode(usage)
  local measured = used and measures_of(job, waited_ms, used) or {}
  count_under(day, job.tenant, job.kind, '#' .. state .. duration, measured)
  for place = 1, math.min(#(used and used.variants or {}), MOST_VARIANTS) do
    count_under(day, job.tenant, job.kind .. ' ' .. used.variants[place], '#' .. state .. duration, measured)
  end
  add_end(job, state, waited_ms, ran_ms, used)
end
