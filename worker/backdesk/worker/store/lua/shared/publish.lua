-- To tell those who listen on a channel. Redis from 7 on gives its users no right to channels unless told to, and an
-- error would end a script amid its writes: jobs go on without that right, and only cannot be watched.

-- Returns how many subscribers heard it.
local function publish(channel, message)
  local heard = redis.pcall('PUBLISH', channel, message)
  return type(heard) == 'number' and heard or 0
end

-- How many subscribe to a channel; none where the user may not ask.
local function subscribers_of(channel) return redis.pcall('PUBSUB', 'NUMSUB', channel)[2] or 0 end
