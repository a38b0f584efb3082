--- Decoded JSON or YAML as plain tables: without the marks of lists, and with what is null left out.
local json = require "neap.core.json"

local function plain(v)
  if v == json.null then return nil end
  if type(v) ~= "table" then return v end
  local copy = {}
  for key, member in next, v do copy[key] = plain(member) end
  return copy
end

return plain
