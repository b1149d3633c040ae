-- Asks: list what jobs ask of people, by when it is to be answered; what may be answered at any time comes last.
--
-- ARGV: tenant (or ''), kind (or ''), within_ms (from now it is to be answered, or ''), score (of the last one that was
--   looked at, or ''), member (the same, or ''), limit, most (to look at)
-- Returns: looked_at, of (all that there are to look at), score (of the last one that was looked at, '' after the end),
--   member (the same), asks (for each {id, tenant, kind, score, entry of what it awaits})
-- Atomic. Idempotent: it changes nothing.
--!include asking
--!include paging

local key = ARGV.tenant == '' and asks_key or tenant_asks_key(ARGV.tenant)
local last = ARGV.member ~= '' and {score = ARGV.score, member = ARGV.member}
local latest = ARGV.within_ms ~= '' and now + tonumber(ARGV.within_ms)
local limit, most = tonumber(ARGV.limit), tonumber(ARGV.most)
local next_ask, found, looked_at = merged({key}, last, false), {}, 0

local function read(member, score)
  local id, name = member:match('^(%S+) (.*)$')
  local entry = redis.call('HGET', awaiting_key(id), name)
  local field = entry and redis.call('HMGET', job_key(id), 'tenant', 'kind') or {}
  if field[1] and (ARGV.kind == '' or field[2] == ARGV.kind) then
    found[#found + 1] = {id, field[1], field[2], score, entry}
  end
end

local over = false
while #found < limit and looked_at < most do
  local member, score = next_ask()
  over = not member or latest and tonumber(score) > latest
  if over then break end
  read(member, score)
  looked_at, last = looked_at + 1, {score = score, member = member}
end
return reply{
  looked_at = looked_at,
  of = redis.call('ZCOUNT', key, '-inf', latest and whole(latest) or '+inf'),
  score = over and '' or last.score,
  member = over and '' or last.member,
  asks = found,
}
