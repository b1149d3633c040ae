-- Stranding: jobs whose workers cannot run them, as they do not know the kind, have another version of it than the one
-- that has begun the job, or have fewer slots than it takes. The names are those of backdesk.worker.model.version.
--!include record

local ROUNDS = 8 -- where half of the workers could run it, one job in 256 has not met one of them by then

-- What a job needs of a worker: its kind, with as many slots as were said for it, and where it goes on from what was
-- done, the version that has done it.
--!rare
local function need_of(job)
  local field = redis.call('HMGET', job_key(job.id), 'version', 'remembers', 'committed')
  if not field[2] or (field[1] or '') == '' then return line_of(job) end
  return line_of(job) .. ':' .. field[1] .. (field[3] and '!' or '')
end

-- What a worker must have announced, one of these, to be able to meet a need, and how many slots it must have, if that
-- does not follow.
--!rare
local function fitting(need)
  local line, version, committed = need:match('^([^:]+):?([^!]*)(!?)$')
  local kind, slots = read_line(line)
  -- A worker too small for others of the kind may well be large enough for this one.
  if version == '' then return {kind, slots and kind .. ':#' or nil}, slots end
  return {kind .. ':' .. version, kind .. ':*', committed == '' and kind .. ':^' or nil}, slots
end

-- What a worker offers by its size.
--!rare
local function size_offer(queue, slots) return queue .. '#' .. slots end

-- Whether a live worker of a queue has so many slots.
--!rare
local function is_large_enough(queue, slots)
  local start = size_offer(queue, '')
  for _, offer in ipairs(redis.call('HKEYS', served_key)) do
    if offer:sub(1, #start) == start and tonumber(offer:sub(#start + 1)) >= slots then return true end
  end
  return false
end

-- Whether a live worker can meet a need, and the job has not gone round so often that this one must be busy.
--!rare
local function worth_another_round(job, need)
  local offers, slots = fitting(need)
  if slots and not is_large_enough(job.queue, slots) then return false end
  for _, offer in ipairs(offers) do
    if redis.call('HEXISTS', served_key, offer) == 1 then
      return redis.call('HINCRBY', job_key(job.id), 'rounds', 1) % ROUNDS ~= 0
    end
  end
  return false
end

-- Leave a delivered job to another worker. It goes round while a live one can run it; after some rounds, as when all of
-- those are busy, it leaves the window, which it would fill, until one of them announces itself.
--!rare
local function pass_on(job)
  local need = need_of(job)
  if worth_another_round(job, need) then return deliver(job.queue, job.id, (delivery(job.id))) end
  redis.call('HSET', job_key(job.id), 'stranded', need)
  redis.call('SADD', strandings_key, need)
  redis.call('ZADD', stranded_key(need), whole(now), job.id)
  undeliver(job)
end
