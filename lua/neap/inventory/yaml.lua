--- Inventories in YAML, as Ansible reads them: groups, each with hosts, vars and children.
local ansible = require "neap.inventory.ansible"
local fault = require "neap.engine.fault"
local natural = require "neap.inventory.natural"
local near = require "neap.near"
local place_of = require "neap.inventory.place"

local PARTS = { hosts = true, vars = true, children = true }

-- A mapping; an empty value is an empty one.
local function mapping(v, what, place)
  if type(v) == "table" and v[1] == nil then return v end
  if v == nil or v == false or type(v) == "userdata" then return {} end
  fault.raise("inventory", place_of.text(place), "%s is a mapping: names with a colon, not a %s", what,
    type(v) == "table" and "list" or type(v))
end

local function read_hosts(model, group, hosts, file)
  for _, pattern in ipairs(natural.keys(hosts)) do
    local place = place_of(file, pattern)
    local vars = mapping(hosts[pattern], ("host '%s'"):format(tostring(pattern)), place)
    for _, name in ipairs(ansible.hosts(tostring(pattern), place)) do
      local host = model:host(name, place)
      model:join(host, group)
      ansible.set(model, host, vars, ("%s: host %s"):format(file.path, name), place)
    end
  end
end

local function read_group(model, name, entry, file, parent)
  local place = place_of(file, name)
  local group = model:group(name, place)
  if parent then model:adopt(parent, group) end
  entry = mapping(entry, ("group '%s'"):format(tostring(name)), place)
  for _, part in ipairs(natural.keys(entry)) do
    if not PARTS[part] then
      fault.raise("inventory", place(part), "group '%s': no entry '%s'%s; it has hosts, vars and children", name,
        tostring(part), near.hint(tostring(part), PARTS))
    end
  end
  local function part(of)
    return mapping(entry[of], ("'%s' of group '%s'"):format(of, name), function() return place(of) end)
  end
  read_hosts(model, group, part "hosts", file)
  ansible.set(model, group, part "vars", ("%s: group %s"):format(file.path, name), place)
  for _, child in ipairs(natural.keys(part "children")) do
    read_group(model, child, entry.children[child], file, group)
  end
end

--- Reads one inventory into `model`.
-- @param file { path=, text= }
return function(model, file)
  local data, message = require("neap.core.yaml").decode(file.text, file.path)
  if data == nil and message then fault.raise("inventory", nil, "%s", message) end
  data = mapping(data, "an inventory", file.path)
  for _, name in ipairs(natural.keys(data)) do read_group(model, name, data[name], file) end
end
