--- What stays of a resource's record when a run names other attributes than the one before.
--
--     what it names first      was until then as it is found: added to what was before Neap (`first` in its record)
--     what it names no longer  stays as it was recorded
local json = require "neap.core.json"
local difference = require "neap.engine.difference"
local place = require "neap.place"

local lasting = {}

local function states(...)
  local list = {}
  for i = 1, select("#", ...) do
    local entry = select(i, ...)
    local state = type(entry) == "table" and entry.state
    list[i] = type(state) == "table" and state ~= json.null and state or nil
  end
  return table.unpack(list, 1, select("#", ...))
end

--- What was found of a directory, without the names in it that are Neap's: they have records of their own.
-- @param recorded { [path of a record] = … } of the host
function lasting.foreign(key, found, recorded)
  if not found or not (found.surplus or found.spared) or key:sub(1, 1) ~= "/" then return found end
  local ours, copy = {}, {}
  for path in pairs(recorded) do
    local rest = path:match("^resources/[^/]+(/.*)%.json$")
    if rest and place.lies_in(rest, key) then ours[rest:sub(#key + 2)] = true end
  end
  for name, value in pairs(found) do copy[name] = value end
  for _, what in ipairs { "surplus", "spared" } do
    local names = found[what] and {}
    for _, name in ipairs(names and found[what] or {}) do names[#names + 1] = not ours[name] and name or nil end
    copy[what] = names
  end
  return copy
end

--- The attributes that a run is the first to look at: { [name] = value }.
-- @param old, genesis the decoded records so far
-- @param before what the run found before it changed anything, or false
function lasting.first(rtype, old, genesis, before)
  local news = {}
  local recorded = states(old or false)
  local was, first = states(genesis) or {}, genesis.first or {}
  if not before or not recorded or was.occupied or before.occupied then return news end
  for name, value in pairs(before) do
    local known = recorded[name] ~= nil or was[name] ~= nil or first[name] ~= nil
    if not known and not difference.is_option(rtype, name) then news[name] = value end
  end
  return news
end

--- The attributes of the old record that the new one has not, and that nobody has looked at: { [name] = value as
-- recorded }.
-- @param wanted { [name] = value } of what was looked at
-- @param before false where the resource was made by this run
function lasting.carried(rtype, old, new, wanted, before)
  local out = {}
  local was, is = states(old or false, new)
  if not before or not was or not is or is.occupied then return out end
  for name, value in pairs(was) do
    local ends = rtype.ends and rtype.ends[name]
    local is_unseen = is[name] == nil and wanted[name] == nil
    if is_unseen and difference.is_compared(rtype, name) and not (ends and ends(is)) then out[name] = value end
  end
  return out
end

return lasting
