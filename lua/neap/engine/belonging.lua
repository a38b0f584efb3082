--- Whose something is that goes back to what it was before Neap, while its owner or group does not.
--
--     the account is to be absent   it cannot be his again: it stays as it is, and stays recorded
--     it has another number         by name it is as it was, by its number it will not be when that account gets the
--                                   old one back, since files keep the number that they have: it is recorded till then

local difference = require "neap.engine.difference"

local belonging = {}

local function numbers_of(rtype, key, attrs)
  local set = {}
  for _, number in ipairs(attrs and rtype.numbers(key, attrs) or {}) do set[number] = true end
  return set
end

-- Whether an account will have a number that it had not before Neap.
local function is_renumbered(account, entry)
  local rtype, key = account.rtype, account.key
  if account.absent or entry and not entry.genesis then return false end
  local is = difference.overlay(entry and entry.state or {}, account.attrs)
  local was = numbers_of(rtype, key, entry and entry.genesis)
  for number in pairs(numbers_of(rtype, key, is)) do
    if not was[number] then return true end
  end
  return false
end

-- The id of the first account of which something holds that is wanted, or nil.
local function account(resource, wanted, holds)
  local rtype = resource.rtype
  if resource.absent or rtype.numbers or not rtype.depends then return nil end
  for _, id in ipairs(rtype.depends(resource.key, resource.attrs)) do
    if wanted[id] and wanted[id].rtype.numbers and holds(wanted[id]) then return id end
  end
end

--- The id of the account whose it was and that is to be absent, or nil.
-- @param resource that goes to what was before Neap
-- @param wanted { [id] = resource } of what is wanted, there or not
function belonging.missing(resource, wanted)
  return account(resource, wanted, function(one) return one.absent end)
end

--- The id of the account whose it was and that has another number, or nil.
-- @param now of recorded.host()
function belonging.renumbered(resource, wanted, now)
  return account(resource, wanted, function(one) return is_renumbered(one, now.resources[one.id]) end)
end

return belonging
