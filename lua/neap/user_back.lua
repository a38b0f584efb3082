--- Users on a way back: who goes, who is only closed, and what one gets who is made again.
local user_back = {}

-- What of a user's processes and files will still be there when the plan gets here.
local function left_of(held, key, model)
  local left = {}
  for _, process in ipairs(held.processes) do
    local edit = process.unit and model:edit("unit", process.unit)
    if not edit or edit.answer and edit.answer.active == "active" then
      left[#left + 1] = ("process %s (%s)"):format(process.pid, process.name)
    end
  end
  for _, path in ipairs(held.files) do
    local edit = model:edit("stat", path)
    local is_anothers = edit and edit.answer and edit.answer.owner ~= key
    if not is_anothers and not model:is_gone(path) then left[#left + 1] = path end
  end
  if held.more and not left[1] then left[1] = "more than can be looked through" end
  return left
end

--- A user that was not there before is removed where he has nothing outside his home, else closed until then.
function user_back.look(host, key, change, back, model)
  if change.kind ~= "delete" then return nil end
  local held = host:holdings(key, change.from.home)
  local left = left_of(held, key, model)
  if #left == 0 then
    change.resource.attrs.remove_home, change.from.remove_home = back.remove_homes, back.remove_homes
    return nil
  end
  local more = #left > 3 and (", and %s%d more"):format(held.more and "at least " or "", #left - 3) or ""
  local why = table.concat(left, ", ", 1, math.min(3, #left)) .. more
  return { instead = { disabled = true }, keeps = true, note = "is locked and not removed, since it owns " .. why }
end

--- One who is made again has a home if he had one.
function user_back.wanted(_, attrs)
  if attrs.homed ~= nil then attrs.create_home = attrs.homed end
  return attrs
end

return user_back
