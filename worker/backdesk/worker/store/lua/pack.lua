-- Pack: put the logs of jobs that have ended, packed, in the place of what they were read from.
--
-- ARGV: then for each job: id, finished_at (as the record said before its log was read, or ''), events (in that log, or
--   0 when there is nothing to pack), sent (requests to models), log (both of them, packed), result (packed, or '')
-- Returns: how many were packed; one that is gone, or has come again under its id, is left as it is, and listed if it has
--   ended again: as where a failover has lost its end after that was read
-- Atomic. Idempotent. A full Redis is relieved by it.
--!include keys
--!include room

local packed = 0
write_though_full()
for each in items(ARGV) do
  local id = ARGV[each].id
  local key, listed, sent, events = job_key(id), events_key(id), sent_key(id), tonumber(ARGV[each].events)
  -- Without events there is nothing to look at, which may be no record and no log at all.
  local ended_at = events > 0 and redis.call('HGET', key, 'finished_at')
  local as_read = ended_at == ARGV[each].finished_at and redis.call('LLEN', listed) == events
    and redis.call('LLEN', sent) == tonumber(ARGV[each].sent)
  if as_read then
    redis.call('SET', log_key(id), ARGV[each].log)
    redis.call('HSET', key, 'events', events)
    if ARGV[each].result ~= '' then redis.call('HSET', key, 'result', ARGV[each].result) end
    redis.call('DEL', listed, sent)
    packed = packed + 1
  end
  if as_read or not ended_at then redis.call('SREM', unpacked_key, id) end
end
return packed
