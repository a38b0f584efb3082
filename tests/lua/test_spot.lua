--- Where lines stand: told by the lines above, and found again in a text that has changed meanwhile.
local t = require "harness"
local edit = require "neap.edit"
local spot = require "neap.spot"

-- A text that is made of a few lines again and again.
local function text_of(count, words)
  local lines = {}
  for i = 1, count do lines[i] = words[math.random(#words)] end
  return lines
end

t.case("a place is found again in a text that has not changed", function()
  math.randomseed(7)
  for _ = 1, 300 do
    local lines = text_of(math.random(0, 12), { "", "#", "a" })
    for at = 0, #lines do
      local below, top = spot.read(spot.told(lines, at))
      -- a blank line at the top is not told from one that has others above it
      if not (lines[1] == "" and #below == at) then t.equal(spot.find(lines, below, top), at, table.concat(lines, "|")) end
    end
  end
end)

-- { what, text now, where it stood, below how many lines it is }
for _, case in ipairs {
  { "as it was recorded with one line", "a\nb\na\nc\n", "a\n", 3 },
  { "by what is above it, where one of these is another by now", "#\na\n#\nb\n", "#\nz\n#", 3 },
  { "though another has come between", "\n# 1\nx\n\n# 2\n\n", "\ngone\n# 1\n", 4 },
  { "though all are above several, where they are near", "m\n\nb\n\nc\n\n", "\nm", 2 },
  { "though a line above it has gone", "#\nx\ny\n#\nx\n", "x\ny\n#\n", 5 },
  { "below the next, where the nearest has gone", "a\nb\nc\n", "gone\nb\n", 2 },
  { "at the top, where all have gone that were above it", "b\n", "gone\na", 0 },
  { "at the top", "a\n", "", 0 },
  { "nowhere", "a\n", "gone\n", nil },
} do
  t.case("a place is found: " .. case[1], function()
    local below, top = spot.read(case[3])
    t.equal(spot.find(edit.lines(case[2]), below, top), case[4])
  end)
end

for _, case in ipairs {
  { "a\n", "a\nb\n", true }, { "a", "a\n", true }, { "a\nc\n", "a\nb\n", false }, { "", "a\n", false }, { "", "", true },
  { "a\n", "ab\n", false },
} do
  t.case(("the same place: '%s' and '%s'"):format(case[1], case[2]):gsub("\n", "|"), function()
    t.equal({ spot.same(case[1], case[2]), spot.same(case[2], case[1]) }, { case[3], case[3] })
  end)
end
