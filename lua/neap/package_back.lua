--- Packages on a way back: which version can be had again, and what goes with a package that goes.
-- What apt installed automatically goes where Neap brought it, where nothing needs it any more, and where somebody
-- needed it until now; what others have left behind is theirs.
local apt = require "neap.apt"
local json = require "neap.core.json"
local lifeline = require "neap.lifeline"

local package_back = {}

--- What goes along with a package that goes (see take_along).
function package_back.taken_by(change)
  local names = {}
  for name, is_there in pairs(change.brings or {}) do
    if not is_there then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

--- Names of packages that an earlier transaction of the plan takes away.
function package_back.gone_by_then(model)
  local names = {}
  for name, edit in pairs(model.edits.package or {}) do
    if not edit.unknown and not edit.answer then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

-- What is there by the end of the plan, and what comes now.
local function coming_of(changes, back)
  local set, names = {}, {}
  for _, change in ipairs(changes) do
    if change.kind == "create" then set[change.resource.key] = true end
  end
  for _, name in ipairs(back.staying and back.staying.package or {}) do set[name] = true end
  for name in pairs(set) do names[#names + 1] = name end
  table.sort(names)
  return names
end

--- On a way back, what came along with packages goes with them where nothing else needs it, nor what is there then.
-- @return their names
function package_back.take_along(host, changes, model)
  local names, first, brought, gone = package_back.gone_by_then(model), nil, {}, {}
  for _, name in ipairs(names) do gone[name] = true end
  for _, change in ipairs(changes) do
    local back = change.resource.back
    if change.kind == "delete" and back then
      names[#names + 1], gone[change.resource.key] = change.resource.key, true
      first = first or change
      for _, name in ipairs(back.brought and back.brought.package or {}) do brought[name] = true end
    end
  end
  if not first or not next(brought) then return {} end
  first.brings = {}
  local candidates = {}
  for name in pairs(brought) do candidates[#candidates + 1] = not gone[name] and name or nil end
  table.sort(candidates)
  local needed, coming = lifeline.of(host), coming_of(changes, first.resource.back)
  local unneeded = host:unneeded(table.concat(names, " "), table.concat(candidates, " "), table.concat(coming, " "))
  for _, name in ipairs(unneeded) do
    if brought[name] and not gone[name] and not needed[name] then first.brings[name] = false end
  end
  return package_back.taken_by(first)
end

-- Servers whose data a server of another series may not read.
local SERVERS = { ["mariadb-server"] = true, ["mysql-server"] = true, ["postgresql"] = true }

local function series(version)
  local text = version and version:gsub("^%d+:", "") or ""
  return text:match("^%d+%.%d+") or text
end

local function server_barrier(key, change)
  if change.kind ~= "update" or not SERVERS[key:match("^[^:]*")] then return nil end
  local from, to = series(change.from.version), series(change.to.version)
  return from ~= to and ("the server's series changes from %s to %s, and its data does not go back with it")
    :format(from, to) or nil
end

local function without_version(attrs)
  local kept = {}
  for name, value in pairs(attrs) do kept[name] = value end
  kept.version = nil
  return kept
end

--- Which of some packages cannot go while others are there.
function package_back.needed(host, leaving, staying, model)
  if not leaving[1] or not staying[1] then return {} end
  return host:needed(table.concat(leaving, " "), table.concat(staying, " "), json.encode(apt.planned_sources(model)))
end

-- Whether a package that goes is needed by one that is to be there.
local function is_needed(host, key, back, model)
  local leaving, staying = back.leaving and back.leaving.package or {}, back.staying and back.staying.package or {}
  for _, name in ipairs(package_back.needed(host, leaving, staying, model)) do
    if name == key then return true end
  end
  return false
end

-- What we hang on stays, where it would go, and what others need that stay.
local function look_at_removal(host, key, change, back, model)
  if is_needed(host, key, back, model) then
    local instead = change.from and change.from.hold and { hold = false } or nil -- as it came along
    return { stays = "packages that are to be there need it", keeps = true, instead = instead }
  end
  if change.resource.meta and change.resource.meta.guard == false then return nil end
  local used = lifeline.of(host)[key:match("^[^:]*")]
  return used and { stays = ("Neap reaches this host through it (%s)"):format(used) } or nil
end

--- Whether the version that was recorded can be had.
function package_back.look(host, key, change, back, model)
  if change.kind == "delete" then return look_at_removal(host, key, change, back, model) end
  local wanted = change.resource.attrs.version
  if not wanted or change.kind == "update" and not change.differs.version then return nil end
  local offered = host:offered(key, json.encode(apt.planned_sources(model)))
  for _, version in ipairs(offered) do
    if version == wanted then
      return {
        note = change.kind == "update" and ("possible: a package source has %s"):format(wanted) or nil,
        barrier = server_barrier(key, change), data = true,
      }
    end
  end
  local there = #offered > 0 and table.concat(offered, ", ") or "none"
  if back.keep_versions then
    local note = ("no package source has %s (there: %s)"):format(wanted, there)
    return { instead = without_version(change.resource.attrs), note = note }
  end
  return {
    archive = ("no package source of the host has version %s (there: %s): add one that has it, such as a snapshot "
      .. "of the distribution's archive, or say --keep-versions"):format(wanted, there),
  }
end

return package_back
