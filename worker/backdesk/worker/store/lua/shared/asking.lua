-- What jobs ask of people, listed by when it is to be answered: over all, and for each tenant. Children are not listed.
--!include keys
--!include clock

-- Of what may be answered at any time: it comes after all else, the longest asked first.
local AT_ANY_TIME = 1e14

local function ask_of(id, name) return id .. ' ' .. name end

-- Returns when what was asked is to be answered, as the lists have it.
local function answered_by(until_at, asked_at) return until_at or AT_ANY_TIME + asked_at end

-- The list of all first, and out of it last: wherever a script is ended, the sweep finds it there.
--!rare
local function list_ask(job, name, score)
  redis.call('ZADD', asks_key, whole(score), ask_of(job.id, name))
  redis.call('ZADD', tenant_asks_key(job.tenant), whole(score), ask_of(job.id, name))
end

--!rare
local function unlist_ask(job, name)
  redis.call('ZREM', tenant_asks_key(job.tenant), ask_of(job.id, name))
  redis.call('ZREM', asks_key, ask_of(job.id, name))
end

-- Take out of the lists what a job has asked; `names` is a list as JSON.
--!rare
local function unlist_asks(job, names)
  for _, name in ipairs(cjson.decode(names)) do unlist_ask(job, name) end
end
