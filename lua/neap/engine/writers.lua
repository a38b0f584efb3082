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

return writers
