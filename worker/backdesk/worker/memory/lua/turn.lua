-- Turn: write what a running attempt has added to a conversation.
--
-- ARGV: id, fence, conversation, owner (or ''), anyone (1 to write whoever has it, or
--   ''), root (of the job), messages (in the turn), closes (1 to close the
--   conversation, or ''), entry (the turn, packed), most (turns to keep), kept_ms (it all)
-- Returns: the number of the turn, 0 when the attempt has lost its fence, -1 when the conversation is that of another
--   owner, -2 when it is closed
-- Atomic. Idempotent by root: a job has one turn, and what is written later replaces what was, its closing included.
--!include clock
--!include history

local conversation, owner, root, messages = ARGV.conversation, ARGV.owner, ARGV.root, tonumber(ARGV.messages)
local tenant = tenant_of(ARGV.id, ARGV.fence)
if not tenant then return 0 end
local key = history_key(tenant, conversation)
if ARGV.anyone == '' and belongs_to_another(key, owner) then return -1 end
-- Subtracted from 0 below, as Lua writes the negative of 0 so that Redis takes it for no number.
local number = tonumber(redis.call('HGET', key, 'of:' .. root))
if not number and redis.call('HEXISTS', key, 'closed_at') == 1 then return -2 end

if number then
  redis.call('HINCRBY', key, 'messages', 0 - redis.call('HGET', key, number .. ':messages'))
else
  number = redis.call('HINCRBY', key, 'last', 1)
end
redis.call('HSETNX', key, 'started_at', whole(now))
redis.call('HSETNX', key, 'first', 1)
redis.call('HINCRBY', key, 'messages', messages)
redis.call('HSET', key, 'updated_at', whole(now), 'of:' .. root, number, number .. ':of', root,
  number .. ':messages', messages, number,
  number .. ' ' .. whole(now) .. ' ' .. ARGV.entry)
if owner ~= '' then redis.call('HSET', key, 'owner', owner) end
if ARGV.closes ~= '' then
  if redis.call('HSETNX', key, 'closed_at', whole(now)) == 1 then redis.call('HSET', key, 'closed_by', root) end
elseif redis.call('HGET', key, 'closed_by') == root then
  redis.call('HDEL', key, 'closed_at', 'closed_by')
end

local first = tonumber(redis.call('HGET', key, 'first'))
while tonumber(redis.call('HGET', key, 'last')) - first >= tonumber(ARGV.most) do
  local of, count = unpack(redis.call('HMGET', key, first .. ':of', first .. ':messages'))
  redis.call('HDEL', key, first, first .. ':of', first .. ':messages', 'of:' .. of)
  redis.call('HINCRBY', key, 'messages', 0 - count)
  first = redis.call('HINCRBY', key, 'first', 1)
end

local index, kept_ms = conversations_key(tenant), tonumber(ARGV.kept_ms)
redis.call('PEXPIRE', key, kept_ms)
redis.call('ZADD', index, whole(now), conversation)
redis.call('ZREMRANGEBYSCORE', index, '-inf', whole(now - kept_ms))
redis.call('PEXPIRE', index, kept_ms)
return number
