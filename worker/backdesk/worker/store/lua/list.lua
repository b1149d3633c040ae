-- List: find jobs that fit, the newest first: those of a tenant in any state, or queued, by their creation, and all others
-- by when they entered their state.
--
-- ARGV: state (or ''), tenant (or ''), kind (or ''), code (of what a job failed with, or ''), category (the same, or ''),
--   since_ms (when it entered its state at the earliest, or ''), open (1 to leave out what was replayed, or ''), score
--   (of the last one that was looked at, or ''), member (the same, or ''), limit, most (to look at),
--   longest (beginning of a request in a field, in bytes), then for each field: name
-- Returns: looked_at, of (all that there are to look at), score (of the last one that was looked at, '' after the end),
--   member (the same), jobs (for each {score, id, values of the fields ...}, of a request its beginning)
-- Atomic. Idempotent: it changes nothing. It takes the smallest index that leads to all that fit.
--!include paging
--!include indexes

local STATES = {'scheduled', 'queued', 'running', 'waiting', 'succeeded', 'failed', 'cancelled', 'expired', 'steered'}
local state, tenant, kind, code, category = ARGV.state, ARGV.tenant, ARGV.kind, ARGV.code, ARGV.category
local since, limit, most = tonumber(ARGV.since_ms), tonumber(ARGV.limit), tonumber(ARGV.most)
local last = ARGV.member ~= '' and {score = ARGV.score, member = ARGV.member}

local function smallest(keys)
  local best, size = keys[1], keys[2] and math.huge
  for _, key in ipairs(size and keys or {}) do
    local its = redis.call('ZCARD', key)
    if its < size then best, size = key, its end
  end
  return best
end

local function index_of(its)
  local keys = {}
  if code ~= '' then keys[#keys + 1] = failed_with_key(code) end
  if tenant ~= '' and not OF_NO_TENANT[its] then keys[#keys + 1] = jobs_of_tenant_key(tenant, its) end
  if kind ~= '' and not OF_NO_KIND[its] then keys[#keys + 1] = jobs_of_kind_key(kind, its) end
  return smallest(keys) or state_key(its)
end

local function sources()
  local of_tenant = state == '' or state == 'queued' and kind == ''
  if tenant ~= '' and of_tenant then return {tenant_jobs_key(tenant)} end
  if state ~= '' then return {index_of(state)} end
  local keys = {}
  for at, its in ipairs(STATES) do keys[at] = index_of(its) end
  return keys
end

local function fits(id)
  local field = redis.call('HMGET', job_key(id), 'state', 'tenant', 'kind', 'replayed_as')
  local error = (code ~= '' or category ~= '') and (redis.call('HGET', job_key(id), 'error') or '')
  return (field[1] or redis.call('EXISTS', job_key(id)) == 1) and (state == '' or field[1] == state) and (tenant == '' or field[2] == tenant) and
    (kind == '' or field[3] == kind) and (ARGV.open == '' or not field[4]) and
    (code == '' or error:find('"code":"' .. code .. '"', 1, true)) and
    (category == '' or error:find('"category":"' .. category .. '"', 1, true))
end

local fields, beginning = {}, nil
for each in items(ARGV) do
  fields[#fields + 1] = ARGV[each].name
  if ARGV[each].name == 'request' then beginning = #fields end
end

local function row_of(id, score)
  if not fields[1] then return {score, id} end
  local values = redis.call('HMGET', job_key(id), unpack(fields))
  if beginning and values[beginning] then values[beginning] = values[beginning]:sub(1, tonumber(ARGV.longest)) end
  return {score, id, unpack(values, 1, #fields)}
end

local keys, of = sources(), 0
for _, key in ipairs(keys) do of = of + redis.call('ZCOUNT', key, since and ARGV.since_ms or '-inf', '+inf') end
local next_job, found, looked_at, over = merged(keys, last, true), {}, 0, false
while #found < limit and looked_at < most do
  local id, score = next_job()
  over = not id or since and tonumber(score) < since
  if over then break end
  if fits(id) then found[#found + 1] = row_of(id, score) end
  looked_at, last = looked_at + 1, {score = score, member = id}
end
return reply{
  looked_at = looked_at,
  of = of,
  score = over and '' or last.score,
  member = over and '' or last.member,
  jobs = found,
}
