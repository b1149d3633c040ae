-- Recall: read what was said in a conversation before a job.
--
-- ARGV: id, fence, conversation, owner (or ''), anyone (1 to read it whoever has it,
--   or ''), root (of the job), most (turns)
-- Returns: {1, {values of the head, in the order of HEAD}, {turns as they are kept, the newest first}}, {0} when the attempt has
--   lost its fence, {-1} when the conversation is that of another owner
-- Atomic. Idempotent: a job sees the turns that were there when it asked first, in each of its attempts and in a replay
--   that resumes. Its own turn is never among them.
--!include history

local id, conversation, root, most = ARGV.id, ARGV.conversation, ARGV.root, tonumber(ARGV.most)
local tenant = tenant_of(id, ARGV.fence)
if not tenant then return {0} end
local key = history_key(tenant, conversation)
if ARGV.anyone == '' and belongs_to_another(key, ARGV.owner) then return {-1} end

-- How far the job may look, noted in its ledger.
local function horizon()
  local pin, ledger = 'recall:' .. conversation, ledger_key(id)
  local last = redis.call('HGET', key, 'last') or 0
  if redis.call('HSETNX', ledger, pin, '{"state":"done","value":' .. last .. '}') == 1 then
    redis.call('HSET', job_key(id), 'remembers', 1)
  end
  return tonumber(redis.call('HGET', ledger, pin):match('"value":(%d+)'))
end

local own = tonumber(redis.call('HGET', key, 'of:' .. root))
local first = tonumber(redis.call('HGET', key, 'first') or 1)
local numbers = {}
for number = horizon(), first, -1 do
  if #numbers == most then break end
  if number ~= own then numbers[#numbers + 1] = number end
end
local turns = #numbers > 0 and redis.call('HMGET', key, unpack(numbers)) or {}
local head = redis.call('HMGET', key, unpack(HEAD))
-- What this job has closed was open before it.
if head[4] and redis.call('HGET', key, 'closed_by') == root then head[4] = false end
return {1, head, turns}
