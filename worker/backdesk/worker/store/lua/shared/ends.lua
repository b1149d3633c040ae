-- Ends: what the ends of jobs come to by minute, queue and kind, whoever the tenant is, and since ever by queue and kind.
-- A job adds to `ends` alone, by fields whose words say to which figures: '29539440 agents orders.audit succeeded w5 r7'
-- adds one to each of three, '29539440 agents orders.audit run_ms' the ms of its attempts. Fields are few: a time counts
-- by the power of two of its ms that is no less. Attempts that are retried or lost count the same way, one word each. The
-- job that makes them too many sorts them, each queue with a kind one JSON object in the hash of its minute and in the
-- totals. Read by backdesk.worker.memory.ends.
--!include keys
--!include clock

local MOST_UNSORTED = 128 -- fields
local MOST_OF_MINUTE, MOST_IN_ALL = 200, 1000 -- queues with a kind; of others the kind is told as '*'
local MINUTES_KEPT_MS = 49 * 3600000

-- What is not sorted yet: minute to queue with kind to the figures.
--!rare
local function unsorted()
  local minutes, entries = {}, redis.call('HGETALL', ends_key)
  for place = 1, #entries, 2 do
    local minute, group, names = entries[place]:match('^(%d+) (%S+ %S+) (.+)$')
    minutes[minute] = minutes[minute] or {}
    local figures = minutes[minute][group] or {}
    minutes[minute][group] = figures
    for name in names:gmatch('%S+') do
      figures[name] = (figures[name] or 0) + tonumber(entries[place + 1])
    end
  end
  return minutes
end

--!rare
local function add_figures(key, groups, most)
  for group, figures in pairs(groups) do
    local before = redis.call('HGET', key, group)
    if not before and redis.call('HLEN', key) >= most then
      group = group:match('^%S+') .. ' *'
      before = redis.call('HGET', key, group)
    end
    local all = before and cjson.decode(before) or {}
    for name, figure in pairs(figures) do
      all[name] = (all[name] or 0) + figure
    end
    redis.call('HSET', key, group, cjson.encode(all))
  end
end

--!rare
local function sort_ends()
  for minute, groups in pairs(unsorted()) do
    add_figures(series_key(minute), groups, MOST_OF_MINUTE)
    add_figures(totals_key, groups, MOST_IN_ALL)
    redis.call('PEXPIRE', series_key(minute), MINUTES_KEPT_MS)
  end
  redis.call('DEL', ends_key)
end

-- What a job that ends has asked of models, by its usage.
--!rare
local function add_spending(group, used)
  for _, name in ipairs({'input_tokens', 'output_tokens'}) do
    if (used[name] or 0) > 0 then redis.call('HINCRBY', ends_key, group .. name, whole(used[name])) end
  end
  local cost = tonumber(used.cost_usd)
  if cost and cost > 0 then redis.call('HINCRBYFLOAT', ends_key, group .. 'cost_usd', cost) end
end

-- What is counted of a job belongs to its queue and kind, and to this minute.
local function group_of(job)
  return math.floor(now / 60000) .. ' ' .. job.queue .. ' ' .. job.kind .. ' '
end

-- Add one to the figures of these names.
local function add_one(group, names)
  if redis.call('HINCRBY', ends_key, group .. names, 1) == 1 and redis.call('HLEN', ends_key) > MOST_UNSORTED then
    sort_ends()
  end
end

-- Count an attempt: 'retried' is one that has failed and is followed by another, 'lost' one whose worker was lost.
--!rare
local function add_attempt(job, name)
  if job.queue ~= '' then add_one(group_of(job), name) end
end

-- Count a job that ends in a state: the ms that it waited and ran, nil when it never began, and its usage or false.
local function add_end(job, state, waited_ms, ran_ms, used)
  local group, times = group_of(job), ''
  if waited_ms then
    local _, waited = math.frexp(math.max(waited_ms - 1, 0))
    local _, ran = math.frexp(math.max(ran_ms - 1, 0))
    times = ' w' .. waited .. ' r' .. ran
    if waited_ms > 0 then redis.call('HINCRBY', ends_key, group .. 'wait_ms', whole(waited_ms)) end
    if ran_ms > 0 then redis.call('HINCRBY', ends_key, group .. 'run_ms', whole(ran_ms)) end
  end
  if used then add_spending(group, used) end
  add_one(group, state .. times)
end
