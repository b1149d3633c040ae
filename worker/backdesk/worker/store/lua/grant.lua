-- Grant: let a job spend as much again as its budget says, or go on past its tenant's day for as much again.
--
-- ARGV: id (whose budget it is, or who may go on), day (or ''), number (of the grant)
-- Returns: 1 when it is in force
-- Atomic. Idempotent by number. The time of a budget is prolonged from now on when it is over.
--!include budget

local id, day, number = ARGV.id, ARGV.day, tonumber(ARGV.number)
local field = redis.call('HMGET', job_key(id), 'budget')
local pot = pot_of_job(id, field[1])
local name = day == '' and 'grants' or 'day:' .. day
local so_far = tonumber(redis.call('HGET', pot.key, name) or 0)
if so_far < number then
  redis.call('HSET', pot.key, name, number)
  if day == '' and pot.ends_at then
    redis.call('HSET', pot.key, 'ends_at', whole(math.max(now, pot.ends_at) + pot.wall_ms * (number - so_far)))
  end
  if not keep_pot(pot) then redis.call('DEL', pot.key) end
end
return 1
