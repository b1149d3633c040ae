-- Rights: tell what the user of this connection may not do of what scripts do, before one of them is ended amid its writes.
--
-- ARGV: control (channel of Celery's remote control, or ''), then for each queue: name
-- Returns: for each right that is missing: the command, and the key or channel
-- Atomic. Idempotent. Redis before 7 cannot be asked, so there each command is tried, on a key that is gone at the end.
--!include keys

-- The commands of our scripts, with what follows the key.
local COMMANDS = [[
  HSET a 1; HGET a; HMGET a; HDEL a; HINCRBY a 1; HINCRBYFLOAT a 1; HEXISTS a; HSETNX a 1; HKEYS; HLEN; HGETALL; HSTRLEN a; HSCAN 0; HVALS; HRANDFIELD;
  ZADD 0 a; ZSCAN 0; ZREM a; ZRANGE 0 0; ZREVRANGE 0 0; ZRANGEBYSCORE 0 0; ZCARD; ZCOUNT 0 0; ZSCORE a; ZRANK a; ZREVRANK a; ZPOPMIN;
  ZREMRANGEBYSCORE 0 0; ZREMRANGEBYRANK 0 0; SADD a; SREM a; SISMEMBER a; SMEMBERS; SRANDMEMBER; SSCAN 0;
  RPUSH a; LPUSH a; RPOP; LRANGE 0 0; LINDEX 0; LLEN; LSET 0 a; LTRIM 0 0;
  SET a; GET; EXISTS; PEXPIRE 1; PTTL; PERSIST;
  ZUNIONSTORE 1 copied; UNLINK; DEL; COPY copied]]
local missing = {}

local function may(...)
  if redis.acl_check_cmd then return redis.acl_check_cmd(...) end
  local answer = redis.pcall(...)
  return type(answer) ~= 'table' or not answer.err or not answer.err:find('The user executing the script', 1, true)
end

local function need(command, name, ...)
  if not may(command, name, ...) then missing[#missing + 1] = command .. ' ' .. name end
end

for command, rest in COMMANDS:gmatch('(%u+)([^;]*)') do
  local words = {}
  for word in rest:gmatch('%S+') do words[#words + 1] = word == 'copied' and rights_key .. ':copied' or word end
  need(command, rights_key, unpack(words))
end
if not may('TIME') then missing[#missing + 1] = 'TIME' end
for each in items(ARGV) do need('LRANGE', deliveries_key(ARGV[each].name), 0, 0) end
for _, channel in ipairs({progress_channel('rights'), breakers_channel}) do need('PUBLISH', channel, '') end
if redis.acl_check_cmd then -- elsewhere no script can try it
  need('SUBSCRIBE', progress_channel('rights'))
  if ARGV.control ~= '' then need('PSUBSCRIBE', ARGV.control) end
end
return missing
