--- Whether decoded JSON that others may have written has the members that are read from it.
--
--     "string"        a value of that type ("integer": a whole number); "any": whatever it is
--     { "list", S }   a list of what S says
--     { "map", S }    a table of such values by name
--     { a = S, b = "?string" }   a table with these members; more are no matter
--
-- A "?" before a type stands for one that may be missing; so does `may = true` in a table.

local shape = {}

local fits

local function is_plain(value, name)
  if name == "any" then return true end
  if name == "integer" then return math.type(value) == "integer" end
  return type(value) == name
end

local function all_fit(value, spec, kind)
  local count = 0
  for name, member in pairs(value) do
    if type(name) ~= kind or not fits(member, spec) then return false end
    count = count + 1
  end
  return kind == "string" or count == #value
end

fits = function(value, spec)
  local is_name = type(spec) == "string"
  if value == nil then return is_name and spec:sub(1, 1) == "?" or not is_name and spec.may end
  if is_name then return is_plain(value, (spec:gsub("^%?", ""))) end
  if type(value) ~= "table" then return false end
  if spec[1] == "list" then return all_fit(value, spec[2], "number") end
  if spec[1] == "map" then return all_fit(value, spec[2], "string") end
  for name, member in pairs(spec) do
    if name ~= "may" and not fits(value[name], member) then return false end
  end
  return true
end

--- @return whether `value` is as `spec` says
function shape.fits(value, spec) return not not fits(value, spec) end

return shape
