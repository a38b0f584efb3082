--- Lines of a text that are ours, known by what they are, and the others.
--
--     how      the lines that are ours
--     line     those equal to one of `marks`
--     block    from the line marks[1] to the line marks[2]
--     word     those with the word marks[1] in them
--     first    those whose first word is marks[1]
local json = require "neap.core.json"
local shape = require "neap.engine.shape"
local spot = require "neap.spot"

local parted = {}

--- The lines of a text, without their newlines.
function parted.lines(text)
  local lines = {}
  for line in text:gmatch("([^\n]*)\n") do lines[#lines + 1] = line end
  local rest = text:match("([^\n]+)$")
  if rest then lines[#lines + 1] = rest end
  return lines
end

-- What makes a line one of ours, apart from a block.
local is_ours = {}

function is_ours.line(line, marks)
  for _, mark in ipairs(marks) do if line == mark then return true end end
  return false
end

function is_ours.word(line, marks)
  for word in line:gmatch("[^ \t]+") do if word == marks[1] then return true end end
  return false
end

function is_ours.first(line, marks) return line:match("^[ \t]*([^ \t]*)") == marks[1] end

--- Which lines are ours: a list of booleans along `lines`, their number, and for a block whether it is closed.
local function ours(lines, how, marks)
  local flags, count, inside = {}, 0, false
  for i, line in ipairs(lines) do
    local mine
    if how == "block" then
      mine = inside or line == marks[1]
      inside = mine and line ~= marks[2]
    else
      mine = is_ours[how](line, marks)
    end
    flags[i] = mine
    if mine then count = count + 1 end
  end
  return flags, count, not inside
end

--- Our lines in a text (nil when there are none), and whether a block among them is closed.
function parted.find(text, how, marks)
  local lines, mine = parted.lines(text), {}
  local flags, count, closed = ours(lines, how, marks)
  for i, line in ipairs(lines) do if flags[i] then mine[#mine + 1] = line end end
  return count > 0 and mine or nil, closed
end

--- The lines that are not ours, and the groups of those that are: { at = how many of the others are above, lines }.
function parted.of(lines, how, marks)
  local others, groups, last = {}, {}, nil
  for i, mine in ipairs((ours(lines, how, marks))) do
    if not mine then
      others[#others + 1], last = lines[i], nil
    else
      if not last then
        last = { at = #others, lines = {} }
        groups[#groups + 1] = last
      end
      table.insert(last.lines, lines[i])
    end
  end
  return others, groups
end

--- Where the first of our lines stands, as spot.lua tells it; nil where there is none. What a rollback puts back goes
-- there (see edit.lua).
function parted.stood(text, how, marks)
  local others, groups = parted.of(parted.lines(text), how, marks)
  return groups[1] and spot.told(others, groups[1].at)
end

local function has_twice(lines)
  local seen = {}
  for _, line in ipairs(lines) do
    if seen[line] then return true end
    seen[line] = true
  end
  return false
end

--- Where all of our lines stand, and what they are, where they are apart or one is there more than once; else "".
function parted.apart(text, how, marks)
  local others, groups = parted.of(parted.lines(text), how, marks)
  if not groups[1] or not groups[2] and not has_twice(groups[1].lines) then return "" end
  local list = {}
  for i, group in ipairs(groups) do
    list[i] = { stood = spot.told(others, group.at), text = table.concat(group.lines, "\n") .. "\n" }
  end
  return json.encode(list)
end

--- Reads that: a list of { stood, text }, or nil where there is none.
function parted.read(said)
  local list = said ~= "" and json.decode(said)
  if not list or not shape.fits(list, { "list", { stood = "string", text = "string" } }) then return nil end
  for _, group in ipairs(list) do
    if group.text:sub(-1) ~= "\n" then return nil end
  end
  return list[1] and list or nil
end

return parted
