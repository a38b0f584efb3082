--- The difference of two states of one resource: the one function that
-- every verb is made of.
--
-- A state is a table of attributes, or nil where the resource is absent.
-- Wanted states may be partial: an attribute that is not wanted is not
-- compared. Values are compared by content, secrets by what they hide.

local taint = require "neap.core.taint"

local difference = {}

local function clear(v)
  if taint.is(v) then return taint.reveal(v) end
  return v
end

--- Deep equality of attribute values.
local function same(a, b)
  if a == b then return true end
  a, b = clear(a), clear(b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for k, v in pairs(a) do
    if not same(v, b[k]) then return false end
  end
  for k in pairs(b) do
    if a[k] == nil then return false end
  end
  return true
end
difference.same = same

-- Whether the found value of one attribute is as wanted; a type may know
-- better than equality (grants are sets).
local function as_wanted(rtype, attribute, found, wanted, whole)
  local equal = rtype.equal and rtype.equal[attribute]
  if equal and found ~= nil then return equal(found, wanted, whole) end
  return same(found, wanted)
end

--- Whether an attribute is an option: it steers how a change is made and is no part of the state.
local function is_option(rtype, attribute)
  local schema = rtype.attributes[attribute]
  return schema and schema.option
end
difference.is_option = is_option

--- Whether an attribute is part of what a playbook can want, and neither an option nor only found.
function difference.is_compared(rtype, attribute)
  local schema = rtype.attributes[attribute]
  return schema ~= nil and not (type(schema) == "table" and (schema.option or schema.readonly))
end

--- A state with what another says in its stead.
local function overlay(from, want)
  local to = {}
  for k, v in pairs(from) do to[k] = v end
  for k, v in pairs(want) do to[k] = v end
  return to
end
difference.overlay = overlay

--- What must change so that `found` becomes `want`.
-- @param want wanted attributes, or nil for absence
-- @return nil where nothing differs, else { kind = "create"|"update"|
--   "delete", from = attrs|nil, to = attrs|nil, differs = { [name] = true } }
function difference.change(rtype, found, want)
  if want == nil then
    if found == nil then return nil end
    return { kind = "delete", from = found, differs = {} }
  end
  if found == nil then return { kind = "create", to = want, differs = {} } end
  local differs = {}
  for attribute, wanted in pairs(want) do
    local has = found[attribute]
    if has ~= wanted and not is_option(rtype, attribute) and not as_wanted(rtype, attribute, has, wanted, found) then
      differs[attribute] = true
    end
  end
  if next(differs) == nil then return nil end
  -- of another thing that was found in its place nothing stays
  local stays = found.occupied and not want.occupied and {} or found
  return { kind = "update", from = found, to = overlay(stays, want), differs = differs }
end

--- Whether two states are the same in the attributes that `names` has as
-- keys (all that either has, without `names`).
function difference.same_state(rtype, a, b, names)
  if a == nil or b == nil then return a == b end
  for attribute in pairs(names or overlay(a, b)) do
    if not is_option(rtype, attribute) and not as_wanted(rtype, attribute, a[attribute], b[attribute], a) then
      return false
    end
  end
  return true
end

return difference
