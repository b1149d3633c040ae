-- Names of keys and channels; the same as backdesk.worker.store.keys, which documents each.
-- ARGV begins alike for every script, "common" in their headers: 1 prefix, 2 now in ms or '', 3 idle window, 4 retention
-- in ms.
local prefix = ARGV[1]
local function job_key(id) return prefix .. ':job:' .. id end
local function events_key(id) return prefix .. ':events:' .. id end
local function ledger_key(id) return prefix .. ':ledger:' .. id end
local function checkpoint_key(id) return prefix .. ':checkpoint:' .. id end
local function awaiting_key(id) return prefix .. ':awaiting:' .. id end
local function children_key(id) return prefix .. ':children:' .. id end
local function spent_key(id) return prefix .. ':spent:' .. id end
local function spent_day_key(tenant, day) return prefix .. ':spent-day:' .. tenant .. ':' .. day end
local function spenders_key(day) return prefix .. ':spenders:' .. day end
local function stats_key(day, tenant, kind) return prefix .. ':stats:' .. day .. ':' .. tenant .. ':' .. kind end
local function stats_of_day_key(day) return prefix .. ':stats-of-day:' .. day end
local function line_key(queue, tenant, kind) return prefix .. ':line:' .. queue .. ':' .. tenant .. ':' .. kind end
local function ready_key(queue, tenant) return prefix .. ':ready:' .. queue .. ':' .. tenant end
local function held_by_key(scope) return prefix .. ':held-by:' .. scope end
local function rate_key(scope) return prefix .. ':rate:' .. scope end
local function tenant_key(name) return prefix .. ':tenant:' .. name end
local function conversation_key(tenant, id) return prefix .. ':conversation:' .. tenant .. ':' .. id end
local function history_key(tenant, id) return prefix .. ':history:' .. tenant .. ':' .. id end
local function conversations_key(tenant) return prefix .. ':conversations:' .. tenant end
local function cache_key(tenant, digest) return prefix .. ':cache:' .. tenant .. ':' .. digest end
local function notes_key(tenant, topic) return prefix .. ':notes:' .. tenant .. ':' .. topic end
local function noted_key(topic) return prefix .. ':noted:' .. topic end
local function lane_key(queue) return prefix .. ':lane:' .. queue end
local function window_key(queue) return prefix .. ':window:' .. queue end
local function stranded_key(kind) return prefix .. ':stranded:' .. kind end
local function state_key(state) return prefix .. ':state:' .. state end
local function tenant_jobs_key(tenant) return prefix .. ':tenant-jobs:' .. tenant end
local function idempotency_key(tenant, key) return prefix .. ':idem:' .. tenant .. ':' .. key end
local function virtual_time_key(queue) return prefix .. ':virtual-time:' .. queue end
local function departed_key(queue) return prefix .. ':departed:' .. queue end
local function worker_key(name) return prefix .. ':worker:' .. name end
local function reservation_key(call) return prefix .. ':reservation:' .. call end
local function level_key(bucket) return prefix .. ':level:' .. bucket end
local function calls_key(bucket) return prefix .. ':calls:' .. bucket end
local function hold_key(bucket) return prefix .. ':hold:' .. bucket end
local function parked_key(line) return prefix .. ':parked:' .. line end
local function breaker_key(resource) return prefix .. ':breaker:' .. resource end
local function failures_key(resource) return prefix .. ':failures:' .. resource end
local function progress_channel(id) return prefix .. ':progress:' .. id end
local function tenant_channel(tenant) return prefix .. ':progress:tenant:' .. tenant end
local function celery_list(queue) return prefix .. '.' .. queue end
local leases_key = prefix .. ':leases'
local due_key = prefix .. ':due'
local expiring_key = prefix .. ':expiring'
local stopping_key = prefix .. ':stopping'
local arrivals_key = prefix .. ':arrivals'
local workers_key = prefix .. ':workers'
local tenants_key = prefix .. ':tenants'
local slots_key = prefix .. ':slots'
local leader_key = prefix .. ':leader'
local kinds_key = prefix .. ':kinds'
local kinds_seen_key = prefix .. ':kinds-seen'
local served_key = prefix .. ':served'
local service_limits_key = prefix .. ':resource-limits'
local buckets_key = prefix .. ':buckets'
local parked_lines_key = prefix .. ':parked-lines'
local resources_key = prefix .. ':resources'
local breakers_channel = prefix .. ':breakers'
local policy_key = prefix .. ':policy'
local flow_key = prefix .. ':flow'
local held_key = prefix .. ':held'
local limited_key = prefix .. ':limited'
local function schedule_key(name) return prefix .. ':schedule:' .. name end
local maintenance_key = prefix .. ':maintenance'
local schedules_key = prefix .. ':schedules'
local schedule_due_key = prefix .. ':schedule-due'
