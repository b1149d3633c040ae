-- Switch: open or close the breaker of an outside service by hand.
--
-- ARGV: common, resource, state ('open' or 'closed'), ms for which it stays open or '' until it is closed by hand
-- Returns: the state that it was in
-- Atomic. Idempotent. What is under way goes on; a probe that is under way changes nothing any more.
--!include service
--!include breaker

local breaker = load_breaker(ARGV[5])
local was, ms = breaker.state, tonumber(ARGV[7])
breaker.by_hand = ARGV[6] == 'open'
breaker.till = breaker.by_hand and ms and whole(now + ms) or nil
breaker.prober, breaker.probe_by, breaker.probe_at = '', 0, breaker.by_hand and ms and now + ms or now
if ARGV[6] == 'closed' then redis.call('DEL', failures_key(ARGV[5])) end
turn(breaker, ARGV[6], redis.call('ZCARD', failures_key(ARGV[5])))
return was
