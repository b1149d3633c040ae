-- What was said in a conversation: a hash with the fields of its head, `first` and `last` (the numbers of the oldest and
-- the newest turn), and for each turn, by its number n: `n` is `n ms turn` (packed JSON), `n:of` whose it is (the root of its job),
-- `n:messages` how many it has; and back, `of:<root>`, the number.
--!include keys

-- The fields that tell of the whole.
local HEAD = {'owner', 'started_at', 'updated_at', 'closed_at', 'messages', 'first', 'last'}

-- The tenant of a job, nil when the attempt has lost its fence.
local function tenant_of(id, fence)
  local field = redis.call('HMGET', job_key(id), 'state', 'fence', 'tenant')
  return field[1] == 'running' and field[2] == fence and field[3] or nil
end

local function belongs_to_another(key, owner)
  local known = redis.call('HGET', key, 'owner')
  return known and known ~= owner
end
