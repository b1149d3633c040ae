-- Finishing: the end of a running attempt that ends its job.
--!include ending

-- End an attempt, and its job with it: terminal `state`, `name` of the field ('result', 'result_blob' or 'error') for `value`, the rest
-- as in finish.lua. Returns 1, or 0 when the attempt has lost its fence; whether it had ended so before; and the job.
local function finish(id, fence, state, name, value, event, usage, degraded, tokens, masked)
  local job = load_job(id)
  local held, left = holds(job, fence)
  if not held then
    local before = left and job.state == state
    return before and 1 or 0, before, job
  end
  job.tokens = tonumber(tokens)
  if degraded ~= '' then redis.call('HSET', job_key(id), 'degraded', degraded) end
  local kept = masked ~= '' and {'request', masked, 'masked', 1} or {}
  conclude(job, state, name, value, event, 'usage', usage, 'left_by', fence, unpack(kept))
  -- Whatever its length, its log is packed: it is masked then.
  if masked ~= '' then redis.call('SADD', unpacked_key, id) end
  return 1, false, job
end
