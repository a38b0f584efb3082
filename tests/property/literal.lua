--- A value as a playbook has it: texts, numbers, lists, and { code = … } as it stands.
local function literal(v)
  if type(v) == "string" then return (("%q"):format(v):gsub("\\\n", "\\n"):gsub("\r", "\\r")) end
  if type(v) == "table" and v.code then return v.code end
  if type(v) ~= "table" then return tostring(v) end
  local parts = {}
  for i, member in ipairs(v) do parts[i] = literal(member) end
  return "{ " .. table.concat(parts, ", ") .. " }"
end

return literal
