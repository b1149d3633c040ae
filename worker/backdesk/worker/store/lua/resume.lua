-- Resume: let go on what a limit has held, as far as the limit has room again.
--
-- ARGV: most (limits to look at)
-- Returns: 1 when there is more to do at once, else 0
-- Atomic. Idempotent.
--!include dispatch

if redis.call('EXISTS', limited_key) == 0 then return 0 end
-- A clock that was set back has left moments that are too far ahead: all are looked at anew.
local looked_at = flow_of('resumed')
if looked_at and now < looked_at then look_at_all_again() end
flow.resumed = now

readmit_due(ARGV.most)
dispatch_touched()
return left_over and 1 or 0
