-- Indexes by which jobs are found beside that of each state: those of a kind and of a tenant in a state, by when they
-- entered it. What every job pays for is left out: what runs is no more than there are slots, and is looked through; what
-- a tenant has queued is among the newest of its jobs.
--!include keys
--!include clock

local OF_NO_KIND, OF_NO_TENANT = {running = true}, {running = true, queued = true}

local function index_job(job, state, entered_at)
  if not OF_NO_KIND[state] then redis.call('ZADD', jobs_of_kind_key(job.kind, state), entered_at, job.id) end
  if not OF_NO_TENANT[state] then redis.call('ZADD', jobs_of_tenant_key(job.tenant, state), entered_at, job.id) end
end

local function unindex_job(job, state)
  if not OF_NO_KIND[state] then redis.call('ZREM', jobs_of_kind_key(job.kind, state), job.id) end
  if not OF_NO_TENANT[state] then redis.call('ZREM', jobs_of_tenant_key(job.tenant, state), job.id) end
end

-- The index of the dead letters with the code of this one; `error` is JSON.
--!rare
local function dead_letters_like(error)
  return failed_with_key(error and error:match('"code":"([^"]*)"') or '')
end
