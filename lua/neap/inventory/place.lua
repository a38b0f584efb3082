--- Where in an inventory's text an entry stands, as near as its text tells.
-- A table has no line numbers; an error about an entry should have one. The first line that names the entry, and from
-- there the first that names the field, is right in every inventory but a contrived one.
local place = {}

local function find_word(lines, word, from)
  if type(word) ~= "string" then return nil end
  local pattern = "%f[%w_.-]" .. word:gsub("%p", "%%%0") .. "%f[^%w_.-]"
  for i = from, #lines do
    local line = lines[i]:gsub("%-%-.*$", ""):gsub("^%s*#.*$", "")
    if line:find(pattern) then return i end
  end
end

local function lines_of(text)
  local lines = {}
  for line in (text .. "\n"):gmatch("(.-)\n") do lines[#lines + 1] = line end
  return lines
end

--- A function that gives "path:line" of a field of the entry `name` (of the entry itself, without a field). Nothing is
-- searched before it is called.
-- @param file { path=, text= }
function place.finder(file, name)
  return function(field)
    file.lines = file.lines or lines_of(file.text)
    local at = name and find_word(file.lines, name, 1)
    local found = field and find_word(file.lines, field, at or 1) or at
    return found and ("%s:%d"):format(file.path, found) or file.path
  end
end

--- A place that is a string, or a function that finds it.
function place.text(v)
  if type(v) == "function" then return v() end
  return v
end

return setmetatable(place, { __call = function(_, ...) return place.finder(...) end })
