--- Who writes which line into the files of others, and what stands below it.
local spot = require "neap.spot"
local taint = require "neap.core.taint"

local writers = {}

-- The last line of the resource in its file, as what it is known by here, and by itself; nil where it has none.
local function last_line(rtype, key, attrs)
  local path = rtype.last_line and rtype.inside(key, attrs)
  local line = path and rtype.last_line(key, attrs)
  return line and path .. "\0" .. line, line
end

--- Notes what a resource writes.
-- @param lines { [path\0line] = who }
function writers.add(lines, rtype, key, attrs, who)
  local line = last_line(rtype, key, attrs)
  if line then lines[line] = who end
end

-- The file that a resource stands in, and what tells where; nil where that is not known.
local function place_of(rtype, key, attrs)
  local path = attrs.stood and rtype.inside and rtype.inside(key, attrs)
  return path, path and taint.reveal(attrs.stood)
end

--- Who writes the nearest of the lines below which a resource stood, or nil.
function writers.above(lines, rtype, key, attrs)
  local path, stood = place_of(rtype, key, attrs)
  for _, line in ipairs(path and spot.read(stood) or {}) do
    local who = lines[path .. "\0" .. line]
    if who then return who end
  end
end

-- What was there before Neap in the stead of such a line, or nil.
local function former(who, line)
  if not who.genesis then return nil end
  local _, was = last_line(who.rtype, who.key, who.genesis)
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

--- Where a resource stood, told so that it is found again when Neap's own lines above it have gone, or are what they
-- were before.
-- @param lines { [path\0line] = { rtype, key, stood, genesis } } of what Neap has written
function writers.stood(lines, rtype, key, attrs)
  local path = place_of(rtype, key, attrs)
  if not path then return attrs.stood end
  local all, top, secret = without(lines, path, attrs.stood)
  local told = spot.write(all, top)
  return secret and taint.wrap(told, "previous") or told
end

return writers
