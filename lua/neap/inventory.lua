--- Inventories: which hosts there are, in which groups, with which variables.
-- The format is told by the name: .lua, .yml or .yaml, a directory; anything else is INI.
local directory = require "neap.inventory.directory"
local fault = require "neap.engine.fault"
local limit = require "neap.inventory.limit"
local Model = require "neap.inventory.model"
local Secrets = require "neap.engine.secrets"
local sandbox = require "neap.engine.sandbox"
local sys = require "neap.core.sys"
local variables = require "neap.engine.variables"

local inventory = {}

local READERS = { lua = "lua", yml = "yaml", yaml = "yaml" }
local NAMES = { "inventory.lua", "inventory.yml", "inventory.yaml", "inventory.ini", "inventory" }

-- Where an inventory is looked for: beside the playbook, above `playbooks/`, here.
local function folders_for(playbook)
  local beside = playbook and (playbook:match("^(.*/)[^/]*$") or "")
  if not beside then return { "" } end
  local above = beside:match("^(.*)playbooks/$")
  return { beside, above or "", "" }
end

--- The inventories that the command line names, or the one that is found where it names none.
-- @param opts inventory = list or nil, playbook = path or nil
function inventory.paths(opts)
  if opts.inventory then return opts.inventory end
  for _, dir in ipairs(folders_for(opts.playbook)) do
    for _, name in ipairs(NAMES) do
      if sys.stat(dir .. name) then return { dir .. name } end
    end
  end
  fault.raise("usage", nil, "no inventory: give one with -i FILE (there is no inventory.lua here%s)",
    opts.playbook and " or beside the playbook" or "")
end

local function read_text(path)
  local text, message = sys.read_file(path)
  if not text then fault.raise("inventory", nil, "%s: name an inventory with -i", message) end
  return text
end

local function read(model, path, words)
  local st, message = sys.stat(path)
  if not st then fault.raise("inventory", nil, "%s: name an inventory with -i", message) end
  if st.kind == "directory" then
    return directory.read(path, function(inner) read(model, inner, words) end)
  end
  local file = { path = path, text = read_text(path) }
  model.files[path] = file.text
  require("neap.inventory." .. (READERS[path:match("%.(%w+)$")] or "ini"))(model, file, words)
end

-- The folders beside whose files variables may stand.
local function folders_of(paths)
  local folders, seen = {}, {}
  for _, path in ipairs(paths) do
    local st = sys.stat(path)
    local dir = st and st.kind == "directory" and path or path:match("^(.*)/[^/]*$") or "."
    if not seen[dir] then folders[#folders + 1] = dir end
    seen[dir] = true
  end
  return folders
end

--- The hosts that a list of patterns chooses (nil: all), in the inventory's order; what matches nothing is an error.
function inventory.select(model, patterns)
  if #model.hosts == 0 then fault.raise("inventory", model.paths[1], "the inventory names no host") end
  local pattern = type(patterns) == "table" and table.concat(patterns, ",") or patterns or "all"
  return limit.select(model, pattern, { strict = true, code = "usage" })
end

-- The names that an inventory in Lua may use besides Lua's.
local function words_of(paths, opts)
  local dir = paths[1] and (paths[1]:match("^(.*)/[^/]*$") or ".")
  local secrets = Secrets.open { path = opts and opts.secrets, dir = dir, placeholder = opts and opts.placeholder }
  return { secret = function(name) return secrets:get(name, sandbox.where()) end }
end

--- Reads inventories; what later ones say overrides earlier ones.
-- @param paths list
-- @param opts extra = { [name] = text } of the command line; secrets, placeholder: see neap.engine.secrets
--   (inventories in Lua may say secret "name")
-- @return model with hosts (each with name, address, port, user, connection, groups, vars, origins), by_name, groups,
--   warnings, files ({ [path] = text })
function inventory.load(paths, opts)
  local model = Model.new()
  model.paths = paths
  local words = words_of(paths, opts)
  for _, path in ipairs(paths) do read(model, path, words) end
  for _, dir in ipairs(folders_of(paths)) do directory.variables(model, dir) end
  model:finish()
  for _, host in ipairs(model.hosts) do
    host.vars, host.origins = variables.merge(model:layers(host))
    variables.extra(host.vars, host.origins, opts and opts.extra, true)
    model:settle(host)
  end
  model:warn_of_twins()
  return model
end

return inventory
