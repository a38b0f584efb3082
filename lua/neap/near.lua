--- The name that was probably meant.
-- Every error about an unknown name ends in a suggestion where one is near enough; near is the least number of
-- letters put in, left out, replaced or swapped with their neighbour (Damerau and Levenshtein, without overlaps).
-- @usage error(("no attribute '%s'%s"):format(name, near.hint(name, attributes)))
local near = {}

--- The number of single edits between two words.
function near.distance(a, b)
  local before, last = {}, {}
  for j = 0, #b do last[j] = j end
  for i = 1, #a do
    local row = { [0] = i }
    for j = 1, #b do
      local cost = a:byte(i) == b:byte(j) and 0 or 1
      row[j] = math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + cost)
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        row[j] = math.min(row[j], before[j - 2] + 1)
      end
    end
    before, last = last, row
  end
  return last[#b]
end

-- Above this, a candidate is another word and not this one misspelt.
local function allowed(name) return math.max(1, math.min(4, #name // 3)) end

--- The nearest of `candidates` (a list, or a table with names as keys), or nil; equal distance: the first by name.
function near.suggest(name, candidates)
  local names = {}
  for k, v in pairs(candidates) do names[#names + 1] = type(k) == "string" and k or tostring(v) end
  table.sort(names)
  local best, least = nil, allowed(name) + 1
  local lower = name:lower()
  for _, candidate in ipairs(names) do
    if math.abs(#candidate - #name) < least then
      local distance = near.distance(lower, candidate:lower())
      if distance < least and candidate ~= name then best, least = candidate, distance end
    end
  end
  return best
end

--- " (did you mean 'x'?)", or "" where nothing is near.
function near.hint(name, candidates)
  local best = near.suggest(name, candidates)
  return best and (" (did you mean '%s'?)"):format(best) or ""
end

return near
