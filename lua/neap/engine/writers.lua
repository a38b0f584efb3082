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
    local there = type(who) == "table" and setmetatable({ stood = group.stood }, { __index = who }) or who
    lines[rtype.inside(key, attrs) .. "\0" .. last_of(group)] = there
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

-- What was there before Neap, in the place that a resource has taken: that of the first of its lines.
local function first_line(rtype, key, genesis)
  local groups, _, line = groups_of(genesis), last_line(rtype, key, genesis)
  return groups and last_of(groups[1]) or line
end

-- What was there before Neap in the stead of such a line, or nil.
local function former(who, line)
  local was = who.genesis and first_line(who.rtype, who.key, who.genesis)
  return was and was ~= line and was or nil
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

-- What stands, or is to stand, in the stead of what was there before Neap: { [path\0line] = { lines } }.
local function steads(list, now)
  local stead = {}
  for _, resource in ipairs(list) do
    local entry, rtype, key = now.resources[resource.id], resource.rtype, resource.key
    local path = entry and entry.genesis and rtype.last_line and rtype.inside(key, entry.genesis)
    local was = path and first_line(rtype, key, entry.genesis)
    local lines = {}
    local function add(attrs)
      local _, line = last_line(rtype, key, attrs)
      lines[#lines + 1] = line ~= was and line or nil
    end
    if was and entry.state then add(entry.state) end
    if was and not resource.absent then add(resource.attrs) end
    if lines[1] then stead[path .. "\0" .. was] = lines end
  end
  return stead
end

local function hidden(text, secret) return secret and taint.wrap(text, "previous") or text end

-- A place that is told by what was there before Neap, by what is in the stead of that, too.
local function with_steads(told, path, stead)
  local below, top = spot.read(taint.reveal(told))
  local all = {}
  for _, line in ipairs(below) do
    all[#all + 1] = line
    for _, other in ipairs(stead[path .. "\0" .. line] or {}) do all[#all + 1] = other end
  end
  return hidden(spot.write(all, top), taint.is(told))
end

--- Where resources stood that go back: below what was there before Neap, or what is in the stead of that.
-- @param list resources; of those that want a recorded state the places are told anew
-- @param now what recorded.host() gives for HEAD
function writers.translate(list, now)
  local stead = steads(list, now)
  for _, resource in ipairs(next(stead) and list or {}) do
    local attrs = resource.attrs
    local path = not resource.absent and path_of(resource.rtype, resource.key, attrs)
    local groups = path and groups_of(attrs)
    for _, group in ipairs(groups or {}) do group.stood = with_steads(group.stood, path, stead) end
    if groups then attrs.apart = hidden(json.encode(groups), taint.is(attrs.apart)) end
    if path then attrs.stood = with_steads(attrs.stood, path, stead) end
  end
end

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
