-- What a tenant may ask for, by its own settings and those for all tenants.
--!include keys

-- What a policy was made from is JSON behind its four words (backdesk.worker.model.tenancy).
local function settings_in(policy)
  return policy and cjson.decode(policy:match('^%S+ %S+ %S+ %S+ (.*)$')) or {}
end

local settings_read = {}
local function settings_of(tenant)
  if not settings_read[tenant] then
    local text = redis.call('HMGET', policy_key, 'tenant ' .. tenant, 'tenant *')
    local own, general = settings_in(text[1]), settings_in(text[2])
    settings_read[tenant] = {known = text[1], kinds = own.kinds or general.kinds, priority = own.priority or general.priority,
      max_jobs = own.max_jobs or general.max_jobs, max_bytes = own.max_bytes or general.max_bytes}
  end
  return settings_read[tenant]
end

-- What keeps a tenant from having such a job, 'tenant' or 'kind', if something does.
local function forbidden(tenant, kind, tenants_must_be_known)
  local its = settings_of(tenant)
  if tenants_must_be_known and not its.known then return 'tenant' end
  if not its.kinds or its.kinds == 'none' then return nil end
  for _, allowed in ipairs(its.kinds) do
    if allowed == kind then return nil end
  end
  return 'kind'
end
