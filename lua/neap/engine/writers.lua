--- Who writes which line into the files of others, and what stands below it.
local json = require "neap.core.json"
local parted = require "neap.parted"
local schema = require "neap.engine.schema"
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

--- What is recorded of a resource, if it is what its type knows: anybody may have written it.
-- @return attrs, or nil
function writers.known(rtype, key, attrs)
  return attrs and not schema.objection(rtype, key, attrs, true) and attrs or nil
end

-- The nearest line of others above a place, as the place below it.
local function foreign_above(lines, was, path, stood)
  local seen = {}
  while true do
    stood = taint.reveal(stood)
    local line = spot.read(stood)[1]
    local who = line and (lines[path .. "\0" .. line] or was[path .. "\0" .. line])
    if not who or seen[who] or not who.stood then return stood end
    seen[who], stood = true, who.stood
  end
end

-- Whether two places are one, but for what Neap has there or has taken away; so they are where one is not known.
local function is_one_place(lines, was, path, one, other)
  if not (one and other) then return true end
  return spot.same(foreign_above(lines, was, path, one), foreign_above(lines, was, path, other))
end

-- What was there before Neap in the stead of such a line, or nil.
local function former(lines, was, path, line)
  local who = lines[path .. "\0" .. line]
  local old = who and who.genesis and first_line(who.rtype, who.key, who.genesis)
  local is_there = old and old ~= line and is_one_place(lines, was, path, who.stood, who.genesis.stood)
  return is_there and old or nil
end

-- The lines below which a resource stood, below those of Neap what was there in their stead, and at last where Neap's
-- own stands of which all hangs.
-- @return the lines, whether they reach the top, and whether one is secret
local function without(lines, was, path, told)
  local all, seen, secret, top = {}, {}, false, false
  while told do
    local below, who
    secret = secret or taint.is(told)
    below, top = spot.read(taint.reveal(told))
    for _, line in ipairs(below) do
      who = lines[path .. "\0" .. line]
      all[#all + 1], all[#all + 2] = line, former(lines, was, path, line)
    end
    told = who and not seen[who] and who.stood
    seen[who or 0] = true
  end
  return all, top, secret
end

-- The lines of all resources of a kind of state: those that are recorded, those before Neap, those that are wanted.
local function lines_of(list, state_of)
  local lines = {}
  for _, resource in ipairs(list) do
    local state = state_of(resource)
    if state then writers.add(lines, resource.rtype, resource.key, state, { stood = state.stood }) end
  end
  return lines
end

-- What stands, or is to stand, in the stead of what was there before Neap: { [path\0line] = { lines } }.
local function steads(list, now)
  local function recorded(resource, which)
    local entry = resource.rtype.last_line and now.resources[resource.id]
    return entry and writers.known(resource.rtype, resource.key, entry[which])
  end
  local function genesis(resource) return recorded(resource, "genesis") end
  local function is(resource) return recorded(resource, "state") end
  local function wanted(resource) return not resource.absent and resource.attrs or nil end
  local was, stead = lines_of(list, genesis), {}
  local states = { { of = is, lines = lines_of(list, is) }, { of = wanted, lines = lines_of(list, wanted) } }
  for _, resource in ipairs(list) do
    local rtype, key, before = resource.rtype, resource.key, genesis(resource)
    local path = before and rtype.inside(key, before)
    local old = path and first_line(rtype, key, before)
    for _, state in ipairs(old and states or {}) do
      local attrs = state.of(resource)
      local _, line
      if attrs then _, line = last_line(rtype, key, attrs) end
      if line and line ~= old and is_one_place(state.lines, was, path, attrs.stood, before.stood) then
        local at = path .. "\0" .. old
        stead[at] = stead[at] or {}
        table.insert(stead[at], line)
      end
    end
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
-- @param was { [path\0line] = { stood } } of what was there before Neap in the stead of that
-- @return `stood` and `apart` of its attributes
function writers.stood(lines, was, rtype, key, attrs)
  local path = path_of(rtype, key, attrs)
  if not path then return attrs.stood, attrs.apart end
  local function told(stood)
    local all, top, secret = without(lines, was, path, stood)
    return spot.write(all, top), secret
  end
  local groups = groups_of(attrs)
  for _, group in ipairs(groups or {}) do group.stood = told(group.stood) end
  local apart = groups and hidden(json.encode(groups), taint.is(attrs.apart)) or attrs.apart
  return hidden(told(attrs.stood)), apart
end

return writers
