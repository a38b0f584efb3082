--- Names of users and groups, as useradd takes them: they stand in colon-separated files and behind `~`.
local names = {}

function names.check(name)
  if not name:find("^[%l_][%w_.-]*%$?$") or #name > 32 then
    error(("'%s' is no name of a user or group: letters, digits, '_', '-' and '.', at most 32"):format(name), 0)
  end
  return name
end

--- A name, or the number of one.
function names.or_number(name)
  if name:find("^%d+$") then return name end
  return names.check(name)
end

return names
