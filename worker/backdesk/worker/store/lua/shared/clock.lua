-- The time, in ms since 1970, the same for the whole fleet because it is the server's.
-- ARGV.now replaces it in tests; it is empty otherwise.
local function read_clock()
  if ARGV.now ~= '' then return tonumber(ARGV.now) end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local now = read_clock()

-- Whole numbers beyond 2^31 as text: Lua's own conversion would round them.
local function whole(number) return string.format('%.0f', number) end

-- ISO 8601 in UTC. Days to date after Howard Hinnant, "chrono-compatible low-level date algorithms", civil_from_days.
local function iso(ms)
  local days = math.floor(ms / 86400000)
  local rest = ms - days * 86400000
  local z = days + 719468
  local era = math.floor(z / 146097)
  local doe = z - era * 146097
  local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  local mp = math.floor((5 * doy + 2) / 153)
  local day = doy - math.floor((153 * mp + 2) / 5) + 1
  local month = mp < 10 and mp + 3 or mp - 9
  local year = yoe + era * 400 + (month <= 2 and 1 or 0)
  return string.format('%04d-%02d-%02dT%02d:%02d:%02d.%03dZ', year, month, day, math.floor(rest / 3600000),
    math.floor(rest / 60000) % 60, math.floor(rest / 1000) % 60, rest % 1000)
end
