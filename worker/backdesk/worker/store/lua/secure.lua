-- Secure: write an entry of the ledger once more, so that whoever waits for the writes of this connection to be on disk
-- or at a replica waits for this one.
--
-- ARGV: id, fence, key, entry (JSON)
-- Returns: 1 when the entry is there, 0 when it is not, -1 when the attempt has lost its fence
-- Atomic. Idempotent. It never brings an entry back: a server that has lost it has lost what came with it, too.
--!include record

local job = load_job(ARGV.id)
if not holds(job, ARGV.fence) then return -1 end
if redis.call('HGET', ledger_key(job.id), ARGV.key) ~= ARGV.entry then return 0 end
redis.call('HSET', ledger_key(job.id), ARGV.key, ARGV.entry)
return 1
