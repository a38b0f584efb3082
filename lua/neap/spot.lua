--- Where lines stand in a text that others change as well: below which lines.
--
--     # one           1   "" above it is the top of the text
--     (blank)         2   "# one", without a newline: up from here it is all there is
--     # two           3   "\n# one": there is another blank line, below another one
--     (blank)         4   "# two\n"
--     # three         5   "\n# two\n"
--
-- It is told by the lines above, the nearest first, as many as tell it from all other places. It is found again below
-- the nearest of them that is there; where that is there several times, below the one above which the others are
-- found, and near; of those that are equal, below the last.
local spot = {}

-- How many lines tell a place at most: of what repeats itself for longer, the last is as good.
local MOST = 16

-- How many lines upward from i are those upward from j.
local function alike(lines, i, j)
  local n = 0
  while n < MOST and lines[i - n] and lines[i - n] == lines[j - n] do n = n + 1 end
  return n
end

--- What tells the place below the first `at` of these lines.
function spot.told(lines, at)
  local count = 1
  for other = 1, #lines do
    if other ~= at then count = math.max(count, alike(lines, at, other) + 1) end
  end
  local above = {}
  for i = at, math.max(at - math.min(count, MOST) + 1, 1), -1 do above[#above + 1] = lines[i] end
  return spot.write(above, #above == at)
end

--- Lines, the nearest first, and whether they reach the top, as one text.
function spot.write(lines, top)
  local text = table.concat(lines, "\n")
  -- a blank one has nothing but its newline
  return (#lines == 0 or top and lines[#lines] ~= "") and text or text .. "\n"
end

--- Reads that: the lines, the nearest first, and whether they reach the top.
function spot.read(text)
  local lines = {}
  for line in text:gmatch("([^\n]*)\n") do lines[#lines + 1] = line end
  local last = text:match("([^\n]+)$")
  lines[#lines + 1] = last
  return lines, last ~= nil or text == ""
end

--- Whether two say the same place, the one maybe in more lines than the other.
function spot.same(one, other)
  local a, b = spot.read(one), spot.read(other)
  if not (a[1] and b[1]) then return one == other end
  for i = 1, math.min(#a, #b) do
    if a[i] ~= b[i] then return false end
  end
  return true
end

-- How well `below`, from the j-th on, agrees with the lines from the i-th upward: each that is found counts, the less
-- the more others there are before it.
local function agreement(lines, i, below, j, top)
  local sum = 0
  for k = j, #below do
    for d = 0, math.min(MOST, i) - 1 do
      if lines[i - d] == below[k] then
        sum, i = sum + MOST - d, i - d - 1
        break
      end
    end
  end
  return sum + (top and math.max(MOST - i, 0) or 0)
end

--- Below how many of these lines the place is, or nil.
-- @param below, top as spot.read() gives them
function spot.find(lines, below, top)
  for j, line in ipairs(below) do
    local at, most = nil, 0
    for i = 1, #lines do
      local sum = lines[i] == line and agreement(lines, i - 1, below, j + 1, top) or -1
      if sum >= most then at, most = i, sum end
    end
    if at then return at end
  end
  return top and 0 or nil
end

--- The same in awk, for the place g among the lines text[1] to text[n]: by below[g, 1] to below[g, count[g]] and
-- top[g]; "" where it is not to be found.
spot.AWK = ([[
function agreement(g, i, j, sum, d) {
  for (; j <= count[g]; j++) {
    for (d = 0; d < MOST && d < i; d++) if (text[i - d] "" == below[g, j] "") { sum += MOST - d; i -= d + 1; break }
  }
  return sum + (top[g] && i < MOST ? MOST - i : 0)
}
function find(g, i, j, sum, most, at) {
  for (j = 1; j <= count[g] && at == ""; j++) {
    for (i = 1; i <= n; i++) if (text[i] "" == below[g, j] "") {
      sum = agreement(g, i - 1, j + 1)
      if (sum >= most) { most = sum; at = i }
    }
  }
  return at == "" && top[g] ? 0 : at
}
]]):gsub("MOST", MOST)

return spot
