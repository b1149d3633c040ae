-- Series: read what ended in some minutes, by queue and kind.
--
-- ARGV: first (minute since 1970), count (of minutes)
-- Returns: for each minute, queue and kind: minute, queue and kind, figures (JSON); one may be there twice, to be added up
-- Atomic: no minute is told in part. Idempotent: it only reads.
--!include ends

local told, first, count = {}, tonumber(ARGV.first), tonumber(ARGV.count)
local function tell(minute, group, figures)
  told[#told + 1] = minute
  told[#told + 1] = group
  told[#told + 1] = figures
end

for minute = first, first + count - 1 do
  local sorted = redis.call('HGETALL', series_key(minute))
  for place = 1, #sorted, 2 do tell(minute, sorted[place], sorted[place + 1]) end
end
for minute, groups in pairs(unsorted()) do
  if tonumber(minute) >= first and tonumber(minute) < first + count then
    for group, figures in pairs(groups) do tell(tonumber(minute), group, cjson.encode(figures)) end
  end
end
return told
