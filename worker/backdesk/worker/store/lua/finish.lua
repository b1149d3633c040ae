-- Finish: end running attempts, and their jobs with them.
--
-- ARGV: then for each attempt: id, fence, state (terminal), field ('result' or 'error'), value (its JSON), event (data
--   of the terminal event as JSON), usage (JSON), degraded (error JSON that a fallback answer stands in for, or ''), tokens (of this
--   attempt)
-- Returns: for each of them: 1 when the job has ended by this attempt, 0 when the attempt has lost its fence
-- Atomic. Idempotent: repeated after a lost answer it returns 1 again and changes nothing.
--!include ending
--!include room

local function finish(each)
  local job, fence, state = load_job(ARGV[each].id), ARGV[each].fence, ARGV[each].state
  local held, left = holds(job, fence)
  if not held then return left and job.state == state and 1 or 0 end
  job.tokens = tonumber(ARGV[each].tokens)
  if ARGV[each].degraded ~= '' then redis.call('HSET', job_key(job.id), 'degraded', ARGV[each].degraded) end
  conclude(job, state, ARGV[each].field, ARGV[each].value, ARGV[each].event, 'usage', ARGV[each].usage, 'left_by', fence)
  return 1
end

local replies = {}
write_though_full()
for each in items(ARGV) do replies[#replies + 1] = apart(finish, each) end
dispatch_touched()
return replies
