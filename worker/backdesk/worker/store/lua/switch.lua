-- Switch: open or close the breaker of an outside service by hand.
--
-- ARGV: resource, state ('open' or 'closed'), for_ms (for which it stays open, or '' until it is closed by hand)
-- Returns: the state that it was in
-- Atomic. Idempotent. What is under way goes on; a probe that is under way changes nothing any more.
--!include service
--!include breaker

local breaker = load_breaker(ARGV.resource)
local was, ms = breaker.state, tonumber(ARGV.for_ms)
breaker.by_hand = ARGV.state == 'open'
breaker.till = breaker.by_hand and ms and whole(now + ms) or nil
breaker.prober, breaker.probe_by, breaker.probe_at = '', 0, breaker.by_hand and ms and now + ms or now
if ARGV.state == 'closed' then redis.call('DEL', failures_key(ARGV.resource)) end
turn(breaker, ARGV.state, redis.call('ZCARD', failures_key(ARGV.resource)))
return was
