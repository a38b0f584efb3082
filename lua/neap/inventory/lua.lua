--- Inventories in Lua: a file that returns a table.
-- @usage
-- return {
--   user = "ops", become = true,
--   vars = { domain = "shop.test" },
--   groups = { web = { vars = { workers = 4 } }, site = { children = { "web" } } },
--   hosts = { node1 = { address = "10.77.0.11", groups = { "web" }, vars = { id = 1 } } },
-- }
local fault = require "neap.engine.fault"
local Model = require "neap.inventory.model"
local natural = require "neap.inventory.natural"
local near = require "neap.near"
local place_of = require "neap.inventory.place"
local sandbox = require "neap.engine.sandbox"

local HOST = { groups = "table", vars = "table" }
local GROUP = { hosts = "table", children = "table", vars = "table" }
local TOP = { hosts = "table", groups = "table", vars = "table" }

local function allowed(own)
  local names = {}
  for name in pairs(own) do names[name] = true end
  for name in pairs(Model.CONNECTION) do names[name] = true end
  return names
end

-- The place of one field, found when it is asked for.
local function field(place, name)
  return function() return place(name) end
end

-- Takes the connection settings out of an entry; any other name must be in `own`.
local function settings(model, object, entry, own, what, place)
  if type(entry) ~= "table" then
    fault.raise("inventory", place(), "%s wants a table { … }, got %s", what, type(entry))
  end
  for _, name in ipairs(natural.keys(entry)) do
    local value = entry[name]
    if Model.CONNECTION[name] then
      model:connect(object, name, value, field(place, name))
    elseif not own[name] then
      fault.raise("inventory", place(name), "%s: no entry '%s'%s", what, tostring(name),
        near.hint(tostring(name), allowed(own)))
    elseif type(value) ~= own[name] then
      fault.raise("inventory", place(name), "%s: '%s' wants a %s, got %s", what, name, own[name], type(value))
    end
  end
end

local function read_host(model, name, entry, file)
  local place = place_of(file, name)
  local host = model:host(name, place)
  settings(model, host, entry, HOST, ("host '%s'"):format(tostring(name)), place)
  for _, group in ipairs(entry.groups or {}) do model:join(host, model:group(group, field(place, "groups"))) end
  model:set(host, entry.vars or {}, ("%s: host %s"):format(file.path, name), field(place, "vars"))
end

local function read_group(model, name, entry, file)
  local place = place_of(file, name)
  local group = model:group(name, place)
  settings(model, group, entry, GROUP, ("group '%s'"):format(tostring(name)), place)
  for _, child in ipairs(entry.children or {}) do model:adopt(group, model:group(child, field(place, "children"))) end
  for _, host in ipairs(entry.hosts or {}) do
    if not model.by_name[host] then
      fault.raise("inventory", place("hosts"), "group '%s': no host '%s'%s", name, tostring(host),
        near.hint(tostring(host), model.by_name))
    end
    model:join(model.by_name[host], group)
  end
  model:set(group, entry.vars or {}, ("%s: group %s"):format(file.path, name), field(place, "vars"))
end

-- Groups that are named only by hosts, where others are declared: likely misspelt.
local function check_groups(model, groups)
  if not next(groups) then return end
  for _, name in ipairs(model:group_names()) do
    local hint = not groups[name] and name ~= "all" and near.suggest(name, groups)
    if hint then
      model:warn(model.groups[name].where, "group '%s' is not declared under 'groups' (did you mean '%s'?)", name, hint)
    end
  end
end

--- Reads one inventory into `model`.
-- @param file { path=, text= }
-- @param words further names that the inventory may use (secret)
return function(model, file, words)
  local env = sandbox.environment(words, { where = sandbox.where })
  local data = sandbox.run(nil, sandbox.load(file.text, file.path, env, "inventory"))
  if type(data) ~= "table" then
    fault.raise("inventory", file.path, "an inventory in Lua returns a table { hosts = … }")
  end
  local place = place_of(file)
  settings(model, model.groups.all, data, TOP, "inventory", place)
  model:set(model.groups.all, data.vars or {}, file.path .. ": vars", field(place, "vars"))
  for _, name in ipairs(natural.keys(data.hosts or {})) do read_host(model, name, data.hosts[name], file) end
  for _, name in ipairs(natural.keys(data.groups or {})) do read_group(model, name, data.groups[name], file) end
  check_groups(model, data.groups or {})
end
