--- Inventories of several files, and variables in files of their own.
--     inventory/hosts.yml             any number of inventories, read by name
--     inventory/group_vars/web.yml    variables of a group: NAME.yml, NAME.yaml, NAME.json, NAME.lua,
--     inventory/host_vars/node1/      or a folder NAME with such files
local ansible = require "neap.inventory.ansible"
local fault = require "neap.engine.fault"
local near = require "neap.near"
local sandbox = require "neap.engine.sandbox"
local sys = require "neap.core.sys"

local directory = {}

local SKIPPED = { bak = true, orig = true, cfg = true, retry = true, md = true, swp = true }

local function is_skipped(name)
  return name:find("^%.") or name:find("~$") or SKIPPED[name:match("%.(%w+)$")] or name == "group_vars" or
    name == "host_vars"
end

local function sorted(path)
  local names = sys.list_dir(path) or {}
  table.sort(names)
  return names
end

local function from_lua(text, path)
  local env = sandbox.environment({}, { where = sandbox.where })
  return sandbox.run(nil, sandbox.load(text, path, env, "inventory"))
end

local function from_yaml(text, path)
  local vars, message = require("neap.core.yaml").decode(text, path)
  if vars == nil and message then fault.raise("inventory", nil, "%s", message) end
  return vars
end

local READERS = { lua = from_lua, yml = from_yaml, yaml = from_yaml, json = from_yaml }

local function read_vars(model, object, path)
  local st = sys.stat(path)
  if st and st.kind == "directory" then
    for _, name in ipairs(sorted(path)) do
      if not is_skipped(name) then read_vars(model, object, path .. "/" .. name) end
    end
    return
  end
  local text, message = sys.read_file(path)
  if not text then fault.raise("inventory", nil, "%s", message) end
  model.files[path] = text
  if text:find("^%$ANSIBLE_VAULT") then
    fault.raise("inventory", path, "an Ansible vault is not read: neap secret keeps such values")
  end
  local vars = (READERS[path:match("%.(%w+)$")] or from_yaml)(text, path)
  if type(vars) ~= "table" then
    if vars == nil or type(vars) == "userdata" then return end
    fault.raise("inventory", path, "variables are a mapping: name: value")
  end
  ansible.set(model, object, vars, path, require("neap.inventory.place")({ path = path, text = text }))
end

local function each_vars(model, dir, objects, what)
  for _, name in ipairs(sorted(dir)) do
    if not is_skipped(name) then
      local of = objects[name] and name or name:match("^(.*)%.(%w+)$") or name
      if objects[of] then
        read_vars(model, objects[of], dir .. "/" .. name)
      else
        model:warn(dir .. "/" .. name, "there is no %s '%s'%s", what, of, near.hint(of, objects))
      end
    end
  end
end

--- Reads the group_vars and host_vars that stand in the folder `dir`.
function directory.variables(model, dir)
  each_vars(model, dir .. "/group_vars", model.groups, "group")
  each_vars(model, dir .. "/host_vars", model.by_name, "host")
end

--- Reads a folder of inventories.
-- @param read function(path) that reads one of them
function directory.read(dir, read)
  local count = 0
  for _, name in ipairs(sorted(dir)) do
    if not is_skipped(name) then
      read(dir .. "/" .. name)
      count = count + 1
    end
  end
  if count == 0 then fault.raise("inventory", dir, "there is no inventory in this folder") end
end

return directory
