--- An inventory as readers build it: hosts, groups of hosts and of groups, and variables on each.
-- Readers of all formats call the same few methods; finish() then holds the whole against itself.
--
--     all ─┬─ web ─┬─ node1        variables and connection settings of a host:
--          │       └─ node2        all < groups, from the outermost inwards (same depth: by name) < the host's own
--          └─ db ──── node1
local fault = require "neap.engine.fault"
local near = require "neap.near"
local place_of = require "neap.inventory.place"

local Model = {}
Model.__index = Model

local function fail(place, ...) fault.raise("inventory", place_of.text(place), ...) end

--- Connection settings that hosts, groups and the inventory as a whole may have, and the type of each.
Model.CONNECTION = {
  address = "string", port = "integer", user = "string", become = "boolean", become_user = "string",
  become_password = "secret", password = "secret", private_key = "string", known_hosts = "string",
  guard_timeout = "integer",
}

-- A short file can name any number of hosts by ranges. One costs 16 microseconds to read, however many there are
-- (measured from 2,000 to 65,536).
local MOST_HOSTS = 65536

function Model.new()
  local self = setmetatable({ hosts = {}, by_name = {}, groups = {}, warnings = {}, files = {} }, Model)
  self:group("all")
  return self
end

--- The host `name`, made if it is new.
-- @param place "file" or "file:line" where it is named, or a function that finds it
function Model:host(name, place)
  local host = self.by_name[name]
  if host then return host end
  if type(name) ~= "string" or name == "" or name:find("^[.-]") or name:find("[%s/%c:,&!*?~\\%[%]'\"]") then
    local hint = type(name) == "string" and name:find("%s") and ": it holds a blank" or ""
    fail(place, "'%s' is no host name%s", tostring(name), hint)
  end
  if #self.hosts == MOST_HOSTS then fail(place, "'%s' is one host too many: %d are the most", name, MOST_HOSTS) end
  host = { name = name, where = place, vars = {}, connection = {}, layers = {}, groups = {} }
  self.by_name[name] = host
  self.hosts[#self.hosts + 1] = host
  return host
end

--- The group `name`, made if it is new.
function Model:group(name, place)
  local group = self.groups[name]
  if group then return group end
  if type(name) ~= "string" or not name:find("^[%w_][%w_.-]*$") then
    fail(place, "'%s' is no group name", tostring(name))
  end
  group = { name = name, where = place, layers = {}, connection = {}, members = {}, children = {}, parents = {} }
  self.groups[name] = group
  return group
end

function Model:join(host, group)
  if not group.members[host.name] then
    group.members[host.name] = true
    group.members[#group.members + 1] = host.name
  end
end

function Model:adopt(group, child)
  if not group.children[child.name] then
    group.children[child.name] = true
    group.children[#group.children + 1] = child.name
    child.parents[#child.parents + 1] = group.name
  end
end

--- Adds variables to a host or group; later ones override earlier ones.
-- @param label where they come from, as a person reads it
function Model:set(object, vars, label, place)
  for name in pairs(vars) do
    if type(name) ~= "string" or not name:find("^[%a_][%w_]*$") then
      fail(place or label, "'%s' is no name of a variable: letters, digits and _", tostring(name))
    end
  end
  object.layers[#object.layers + 1] = { label = label, vars = vars }
end

local function kind_of(v)
  if type(v) == "userdata" then return "secret" end
  return math.type(v) == "integer" and "integer" or type(v)
end

--- Sets one connection setting of a host or group.
function Model:connect(object, name, value, place)
  local wanted = Model.CONNECTION[name]
  if not wanted then
    fail(place, "no connection setting '%s'%s", name, near.hint(name, Model.CONNECTION))
  end
  local kind = kind_of(value)
  if kind ~= wanted and not (wanted == "secret" and kind == "string") then
    fail(place, "'%s' wants %s, got %s", name, wanted == "secret" and "a string" or
      (wanted == "integer" and "an integer" or "a " .. wanted), kind)
  end
  if name == "port" and (value < 1 or value > 65535) then
    fail(place, "port %d is not in 1 to 65535", value)
  end
  object.connection[name] = value
end

function Model:warn(place, fmt, ...)
  self.warnings[#self.warnings + 1] = fault.new("inventory", place_of.text(place), fmt, ...)
end

-- How deep each group stands below "all"; a group that is its own ancestor is an error.
local function depths(self)
  local depth = {}
  local function of(group, path)
    if depth[group] then return depth[group] end
    if path[group] then fail(self.groups[group].where, "group '%s' is its own ancestor", group) end
    path[group] = true
    local most = group == "all" and 0 or 1
    for _, parent in ipairs(self.groups[group].parents) do most = math.max(most, of(parent, path) + 1) end
    path[group] = nil
    depth[group] = most
    return most
  end
  for name in pairs(self.groups) do of(name, {}) end
  return depth
end

-- Every group that a host is in, from the outermost inwards.
local function memberships(self, depth)
  local inside = {}
  for _, host in ipairs(self.hosts) do inside[host.name] = { all = true } end
  local function add(name, group)
    if inside[name][group] then return end
    inside[name][group] = true
    for _, parent in ipairs(self.groups[group].parents) do add(name, parent) end
  end
  for _, group in pairs(self.groups) do
    for _, name in ipairs(group.members) do add(name, group.name) end
  end
  for _, host in ipairs(self.hosts) do
    local names = {}
    for group in pairs(inside[host.name]) do names[#names + 1] = group end
    table.sort(names, function(a, b)
      if depth[a] ~= depth[b] then return depth[a] < depth[b] end
      return a < b
    end)
    host.groups, host.in_group = names, inside[host.name]
  end
end

-- Variables of these names are connection settings too, weaker than those that are spelt as such.
local AS_VARIABLE = {
  ssh_address = "address", ssh_port = "port", ssh_user = "user", ssh_password = "password",
  ssh_private_key = "private_key", ssh_known_hosts = "known_hosts", become = "become", become_user = "become_user",
  become_password = "become_password",
}

--- Settles how a host is reached, after its variables are merged: address, port, user, connection.
function Model:settle(host)
  local merged = { connection = {} }
  for variable, name in pairs(AS_VARIABLE) do
    if host.vars[variable] ~= nil then self:connect(merged, name, host.vars[variable], host.where) end
  end
  merged = merged.connection
  for _, name in ipairs(host.groups) do
    for k, v in pairs(self.groups[name].connection) do merged[k] = v end
  end
  for k, v in pairs(host.connection) do merged[k] = v end
  host.address, host.port, host.user = merged.address or host.name, merged.port, merged.user
  host.connection = merged
end

function Model:warn_of_twins()
  local seen = {}
  for _, host in ipairs(self.hosts) do
    local place = host.address .. ":" .. (host.port or 22)
    if seen[place] then
      self:warn(host.where, "hosts '%s' and '%s' have the same address %s", seen[place], host.name, host.address)
    end
    seen[place] = seen[place] or host.name
  end
end

--- Ends the building: who is in which group, and what does not fit.
function Model:finish()
  for name, group in pairs(self.groups) do
    if self.by_name[name] then
      fail(self.by_name[name].where or group.where, "'%s' is both a host and a group", name)
    end
  end
  memberships(self, depths(self))
  return self
end

--- The variables of a host as layers { label=, vars= }, the weakest first.
function Model:layers(host)
  local layers = {}
  for _, name in ipairs(host.groups) do
    table.move(self.groups[name].layers, 1, #self.groups[name].layers, #layers + 1, layers)
  end
  return table.move(host.layers, 1, #host.layers, #layers + 1, layers)
end

--- Names of all groups, "all" first, then by name.
function Model:group_names()
  local names = {}
  for name in pairs(self.groups) do
    if name ~= "all" then names[#names + 1] = name end
  end
  table.sort(names)
  table.insert(names, 1, "all")
  return names
end

return Model
