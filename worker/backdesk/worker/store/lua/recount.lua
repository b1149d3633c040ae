-- Recount: count anew, a part at a time, what the flow says that delivered and running jobs take, and put it right.
--
-- ARGV: begin (1 to begin when none is under way, or ''), most (entries to look at, about), then for each queue: queue
-- Returns: {1 when none is under way any more else 0, how many counts this one has put right, some of them as JSON}
-- Atomic, each part. Nothing is lost when it is repeated, or when its leader is lost: another one goes on with it. Jobs may
-- come and go meanwhile: one that this recount has come to is marked by its number, as are those that are delivered from
-- its begin on, and all that such a job takes and leaves changes both counts. So a difference that is left is an error.
--!include dispatch
--!include room

-- First words of what is counted.
local COUNTED = {queue = true, tenant = true, kind = true, ['unbegun'] = true, ['prepaid'] = true, ['surplus'] = true}
local MOST_EXAMPLES = 5
write_though_full()
local said = redis.call('HMGET', recount_key, 'number', 'todo', 'cursor', 'wrong', 'examples')
local number, cursor, wrong = tonumber(said[1] or 0), said[3] or '0', tonumber(said[4] or 0)
local todo, examples = cjson.decode(said[2] or '[]'), cjson.decode(said[5] or '[]')

if recount_under_way() ~= number then todo = {} end -- whoever lost its number has not counted along
if not todo[1] then
  if ARGV.begin == '' then return {1, 0, '[]'} end
  number, cursor, wrong, examples = number + 1, '0', 0, {}
  -- The windows before the leases: that is the way that a job goes.
  todo = {'queues'}
  for each in items(ARGV) do todo[#todo + 1] = window_key(ARGV[each].queue) end
  for _, place in ipairs({leases_key, 'flow', 'new count'}) do todo[#todo + 1] = place end
  redis.call('UNLINK', recounted_key)
  flow.recount = number
end

-- A queue that nobody has named has a window, too.
local function add_window(scope)
  local window = window_key(scope:sub(#'queue ' + 1))
  for _, place in ipairs(todo) do
    if place == window then return end
  end
  table.insert(todo, #todo - 2, window)
end

local function count_again(id)
  local field = redis.call('HMGET', job_key(id), 'queue', 'tenant', 'kind', 'recounted', 'rated', 'prepaid', 'taken')
  if not field[1] or tonumber(field[4]) == number then return end
  redis.call('HSET', job_key(id), 'recounted', number)
  for _, scope in ipairs(scopes_of(field[1], field[2], field[3])) do count_newly(scope, tonumber(field[7] or 1)) end
  for scope in (field[5] or ''):gmatch('[^,]+') do count_newly(unbegun(scope), 1) end
  count_newly(prepaid{queue = field[1], tenant = field[2]}, tonumber(field[6] or 0))
  if field[7] then count_newly(surplus(field[1]), field[7] - 1) end
end

local function put_right(name)
  if not COUNTED[name:match('^%S+')] then return end
  local real, had = tonumber(redis.call('HGET', recounted_key, name) or 0), flow_of(name) or 0
  if had == real then return end
  flow[name] = real
  wrong = wrong + 1
  if #examples < MOST_EXAMPLES then examples[#examples + 1] = name .. ': ' .. whole(had) .. ', not ' .. whole(real) end
  local queue = name:match('^queue (%S+)$') or name:match('^surplus (%S+)$')
  if queue then touched[queue] = true end
  freed[name:match('^unbegun (.+)$') or name] = true
end

-- How to look through a place; all others are zsets of jobs.
local LOOKS = {['queues'] = {'HSCAN', flow_key, add_window, 'MATCH', 'queue *'}, ['flow'] = {'HSCAN', flow_key, put_right},
  ['new count'] = {'HSCAN', recounted_key, put_right}}

local function look_through(place)
  local look = LOOKS[place] or {'ZSCAN', place, count_again}
  local found = redis.call(look[1], look[2], cursor, 'COUNT', ARGV.most, unpack(look, 4))
  cursor = found[1]
  if cursor == '0' then table.remove(todo, 1) end
  for index = 1, #found[2], 2 do look[3](found[2][index]) end
end

look_through(todo[1])
local told = examples[1] and cjson.encode(examples) or '[]'
redis.call('HSET', recount_key, 'number', number, 'todo', cjson.encode(todo), 'cursor', cursor, 'wrong', wrong,
  'examples', told)
if not todo[1] then
  flow.recount = 0
  redis.call('UNLINK', recounted_key)
  if wrong > 0 then
    redis.call('HINCRBY', recount_key, 'put_right', wrong)
    redis.call('HSET', recount_key, 'put_right_at', whole(now), 'put_right_last', told)
  end
end
dispatch_touched()
return {todo[1] and 0 or 1, wrong, told}
