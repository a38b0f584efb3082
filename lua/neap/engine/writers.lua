--- Who writes which line into the files of others, and what stands below it.
local json = require "neap.core.json"
local parted = require "neap.parted"
local spot = require "neap.spot"
local taint = require "neap.core.taint"

local writers = {}

-- The last line of the resource in its file, as what it is known by here, and by itself; nil where it has none.
local function last_line(rtype, key, attrs)
  local path = rtype.last_line and rtype.inside(key, attrs)
  local line = path and rtype.last_line(key, attrs)
  return line and path .. "\0" .. line, line
end

-- The groups of lines that stand apart from each other, or nil; and the last line of one.
local function groups_of(attrs) return attrs.apart and parted.read(taint.reveal(attrs.apart)) end
local function last_of(group) return group.text:match("([^\n]*)\n$") end

--- Notes what a resource writes.
-- @param lines { [path\0line] = who }
function writers.add(lines, rtype, key, attrs, who)
  local line = last_line(rtype, key, attrs)
  if not line then return end
  lines[line] = who
  for _, group in ipairs(groups_of(attrs) or {}) do
    lines[rtype.inside(key, attrs) .. "\0" .. last_of(group)] = who
  end
end

-- The file that a resource stands in; nil where it is not known where it stands.
local function path_of(rtype, key, attrs) return attrs.stood and rtype.inside and rtype.inside(key, attrs) end

-- Who writes the nearest of the lines that tell a place.
local function nearest(lines, path, stood)
  for _, line in ipairs(spot.read(stood)) do
    local who = lines[path .. "\0" .. line]
    if who then return who end
  end
end

--- Who writes the lines below which a resource stood: of each of its places, the nearest.
function writers.above(lines, rtype, key, attrs)
  local path, list = path_of(rtype, key, attrs), {}
  for _, group in ipairs(path and (groups_of(attrs) or { { stood = taint.reveal(attrs.stood) } }) or {}) do
    list[#list + 1] = nearest(lines, path, group.stood)
  end
  return list
end

-- What was there before Neap in the stead of such a line, or nil: it has the place of the first.
local function former(who, line)
  if not who.genesis then return nil end
  local groups, _, was = groups_of(who.genesis), last_line(who.rtype, who.key, who.genesis)
  if groups then was = last_of(groups[1]) end
  return was ~= line and was or nil
end

-- The lines below which a resource stood, below those of Neap what was there in their stead, and at last where Neap's
-- own stands of which all hangs.
-- @return the lines, whether they reach the top, and whether one is secret
local function without(lines, path, told)
  local all, seen, secret, top = {}, {}, false, false
  while told do
    local below, who
    secret = secret or taint.is(told)
    below, top = spot.read(taint.reveal(told))
    for _, line in ipairs(below) do
      who = lines[path .. "\0" .. line]
      all[#all + 1], all[#all + 2] = line, who and former(who, line)
    end
    told = who and not seen[who] and who.stood
    seen[who or 0] = true
  end
  return all, top, secret
end

local function hidden(text, secret) return secret and taint.wrap(text, "previous") or text end

--- Where a resource stood, told so that it is found again when Neap's own lines above it have gone, or are what they
-- were before.
-- @param lines { [path\0line] = { rtype, key, stood, genesis } } of what Neap has written
-- @return `stood` and `apart` of its attributes
function writers.stood(lines, rtype, key, attrs)
  local path = path_of(rtype, key, attrs)
  if not path then return attrs.stood, attrs.apart end
  local function told(stood)
    local all, top, secret = without(lines, path, stood)
    return spot.write(all, top), secret
  end
  local groups = groups_of(attrs)
  for _, group in ipairs(groups or {}) do group.stood = told(group.stood) end
  local apart = groups and hidden(json.encode(groups), taint.is(attrs.apart)) or attrs.apart
  return hidden(told(attrs.stood)), apart
end

return writers
