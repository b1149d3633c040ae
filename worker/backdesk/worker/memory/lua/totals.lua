-- Totals: read what has ended so far, by queue and kind.
--
-- ARGV: (none of its own)
-- Returns: for each queue and kind: queue and kind, figures (JSON); one may be there more than once, to be added up
-- Atomic: no figure is ever less than before. Idempotent: it only reads.
--!include ends

local told = redis.call('HGETALL', totals_key)
for _, groups in pairs(unsorted()) do
  for group, figures in pairs(groups) do
    told[#told + 1] = group
    told[#told + 1] = cjson.encode(figures)
  end
end
return told
