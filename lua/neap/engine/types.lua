--- Where resource types are found: beside the playbook first, then among those shipped.
-- A type is trusted code (it writes what runs on hosts); it is loaded once for all hosts of a run, and its schema is
-- made whole on the way.
local sys = require "neap.core.sys"
local fault = require "neap.engine.fault"
local schema = require "neap.engine.schema"

local Types = {}
Types.__index = Types

local NAME = "^[%a_][%w_]*$"

--- @param dir directory with a user's own types, or nil
function Types.new(dir) return setmetatable({ dir = dir, loaded = {}, paths = {} }, Types) end

local function own(self, name)
  local path = self.dir and ("%s/%s.lua"):format(self.dir, name)
  local text = path and sys.read_file(path)
  if not text then return nil end
  local chunk, err = load(text, "@" .. path, "t")
  if not chunk then fault.raise("playbook", path, "%s", err) end
  return chunk(), path
end

local function shipped(name)
  local path = package.searchpath("neap.types." .. name, package.path)
  if not path then return nil end
  return require("neap.types." .. name), path
end

--- The type `name`, or nil where there is none.
function Types:get(name)
  local rtype = self.loaded[name]
  if rtype ~= nil then return rtype or nil end
  self.loaded[name] = false
  if type(name) ~= "string" or not name:find(NAME) then return nil end
  local path
  rtype, path = own(self, name)
  if not rtype then rtype, path = shipped(name) end
  if not rtype then return nil end
  self.loaded[name], self.paths[name] = schema.complete(rtype, name, path), path
  return rtype
end

--- The file of the type `name`, which get() has given.
function Types:path(name) return self.paths[name] end

local function add_names(names, dir)
  for _, file in ipairs(dir and sys.list_dir(dir) or {}) do
    local name = file:match("^(.*)%.lua$")
    if name and name:find(NAME) then names[name] = true end
  end
end

--- The names of all types, sorted.
function Types:names()
  local names, list = {}, {}
  add_names(names, self.dir)
  for place in package.path:gmatch("[^;]+") do
    local dir = place:match("^(.*)/%?%.lua$")
    add_names(names, dir and dir .. "/neap/types")
  end
  for name in pairs(names) do list[#list + 1] = name end
  table.sort(list)
  return list
end

return Types
