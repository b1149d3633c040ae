-- Disband: cancel more of the jobs whose parent has ended, or whose conversation was interrupted, than one script may.
--
-- ARGV: (none of its own)
-- Returns: 1 when there is more to do, else 0
-- Atomic. Nothing is lost when it is repeated, or its leader is lost: what is to be done stands in Redis.
--!include ending

local function one_of(pending)
  local id = cancellations > 0 and redis.call('HRANDFIELD', pending)
  return id, id and redis.call('HGET', pending, id)
end

local parent, from = one_of(orphaned_key)
while parent do
  local state, cursor = from:match('^(%S+) (%S+)$')
  cancel_children(parent, state, cursor)
  parent, from = one_of(orphaned_key)
end
local conversation, till = one_of(interrupted_key)
while conversation do
  interrupt(conversation, till)
  conversation, till = one_of(interrupted_key)
end
dispatch_touched()
return redis.call('EXISTS', orphaned_key, interrupted_key) > 0 and 1 or 0
