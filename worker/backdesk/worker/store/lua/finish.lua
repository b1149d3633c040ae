-- Finish: end running attempts, and their jobs with them.
--
-- ARGV: then for each attempt: id, fence, state (terminal), field ('result', 'result_blob' or 'error'), value (its JSON), event (data
--   of the terminal event as JSON), usage (JSON), degraded (error JSON that a fallback answer stands in for, or ''), tokens (of this
--   attempt), masked (request as it is kept from then on, or '')
-- Returns: for each of them: 1 when the job has ended by this attempt, 0 when the attempt has lost its fence
-- Atomic. Idempotent: repeated after a lost answer it returns 1 again and changes nothing.
--!include finishing
--!include room

local function finish_each(each)
  local kept = finish(ARGV[each].id, ARGV[each].fence, ARGV[each].state, ARGV[each].field, ARGV[each].value,
    ARGV[each].event, ARGV[each].usage, ARGV[each].degraded, ARGV[each].tokens, ARGV[each].masked)
  return kept
end

local replies = {}
write_though_full()
for each in items(ARGV) do replies[#replies + 1] = apart(finish_each, each) end
dispatch_touched()
return replies
