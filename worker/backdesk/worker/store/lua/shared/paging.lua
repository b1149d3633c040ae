-- Pages of sorted sets, read as one in the order of score and member: what comes and goes meanwhile moves no other.
--!include keys

local CHUNK = 50

-- Returns how many members of a set come no later than the last one of the page before.
local function place_after(key, last, newest_first)
  if not last then return 0 end
  if redis.call('ZSCORE', key, last.member) == last.score then
    return redis.call(newest_first and 'ZREVRANK' or 'ZRANK', key, last.member) + 1
  end
  local from, till = '-inf', '(' .. last.score
  if newest_first then from, till = '(' .. last.score, '+inf' end
  local place, range = redis.call('ZCOUNT', key, from, till), newest_first and 'ZREVRANGE' or 'ZRANGE'
  repeat -- it is not there: past those of its score that come before it
    local at = redis.call(range, key, place, place, 'WITHSCORES')
    local before = at[2] == last.score and (newest_first == (at[1] > last.member))
    if before then place = place + 1 end
  until not before
  return place
end

-- Returns a function that gives the next member with its score, the last one of the page before passed over, and nil
-- after the last of all.
local function merged(keys, last, newest_first)
  local sources, range = {}, newest_first and 'ZREVRANGE' or 'ZRANGE'
  for at, key in ipairs(keys) do
    sources[at] = {key = key, place = place_after(key, last, newest_first), members = {}, next = 1}
  end

  local function has_more(source)
    if not source.members[source.next] then
      source.members = redis.call(range, source.key, source.place, source.place + CHUNK - 1, 'WITHSCORES')
      source.place, source.next = source.place + CHUNK, 1
    end
    return source.members[source.next]
  end

  local function comes_before(one, other)
    local score, score_of_other = tonumber(one.members[one.next + 1]), tonumber(other.members[other.next + 1])
    if score ~= score_of_other then return newest_first == (score > score_of_other) end
    return newest_first == (one.members[one.next] > other.members[other.next])
  end

  return function()
    local first
    for _, source in ipairs(sources) do
      if has_more(source) and (not first or comes_before(source, first)) then first = source end
    end
    if not first then return nil end
    first.next = first.next + 2
    return first.members[first.next - 2], first.members[first.next - 1]
  end
end
