-- Names of keys and channels; the same as worker/keys.py, which documents each.
local prefix = ARGV[1]
local function job_key(id) return prefix .. ':job:' .. id end
local function events_key(id) return prefix .. ':events:' .. id end
local function line_key(queue, tenant) return prefix .. ':line:' .. queue .. ':' .. tenant end
local function lane_key(queue) return prefix .. ':lane:' .. queue end
local function window_key(queue) return prefix .. ':window:' .. queue end
local function state_key(state) return prefix .. ':state:' .. state end
local function tenant_jobs_key(tenant) return prefix .. ':tenant-jobs:' .. tenant end
local function idempotency_key(tenant, key) return prefix .. ':idem:' .. tenant .. ':' .. key end
local function virtual_time_key(queue) return prefix .. ':virtual-time:' .. queue end
local function departed_key(queue) return prefix .. ':departed:' .. queue end
local function worker_key(name) return prefix .. ':worker:' .. name end
local function progress_channel(id) return prefix .. ':progress:' .. id end
local function tenant_channel(tenant) return prefix .. ':progress:tenant:' .. tenant end
local function celery_list(queue) return prefix .. '.' .. queue end
local leases_key = prefix .. ':leases'
local due_key = prefix .. ':due'
local expiring_key = prefix .. ':expiring'
local arrivals_key = prefix .. ':arrivals'
local workers_key = prefix .. ':workers'
local tenants_key = prefix .. ':tenants'
local slots_key = prefix .. ':slots'
local leader_key = prefix .. ':leader'
