--- The files of a project: playbooks, templates and whatever they read.
-- Names are relative to the project's folder, and nothing outside it can be read. Each file is read once a run.
local fault = require "neap.engine.fault"
local near = require "neap.near"
local sys = require "neap.core.sys"

local files = {}

local function folder_of(path) return path:match("^(.*)/[^/]*$") end

--- The project of a playbook: root (absolute), playbook and dir ("playbooks/" or "", with the slash) relative to it.
function files.project(playbook)
  local path, message = sys.real_path(playbook)
  if not path then fault.raise("playbook", nil, "%s", message) end
  local root = folder_of(path)
  if root:match("[^/]*$") == "playbooks" then root = folder_of(root) end
  if root == "" then root = "/" end
  local relative = path:sub(#root + (root == "/" and 1 or 2))
  return { root = root, playbook = relative, dir = relative:match("^(.*/)[^/]*$") or "", files = {} }
end

-- A name without "." and empty parts; nil where it leaves the project.
local function clean(name)
  if name:sub(1, 1) == "/" or name:find("%z") then return nil end
  local parts = {}
  for part in name:gmatch("[^/]+") do
    if part == ".." then
      if #parts == 0 then return nil end
      parts[#parts] = nil
    elseif part ~= "." then
      parts[#parts + 1] = part
    end
  end
  return #parts > 0 and table.concat(parts, "/") or nil
end
files.clean = clean

local function inside(project, real)
  local root = project.root == "/" and "/" or project.root .. "/"
  return real:sub(1, #root) == root
end

local function load_file(project, name)
  local path = project.root .. "/" .. name
  local real, message, code = sys.real_path(path)
  if not real then return nil, message, code end
  if not inside(project, real) then
    return nil, ("'%s' leads out of the project '%s'"):format(name, project.root), "outside"
  end
  return sys.read_file(real)
end

--- The bytes of a file of the project, or nil, message, code.
function files.try(project, name)
  local cleaned = type(name) == "string" and clean(name)
  if not cleaned then
    return nil, ("'%s' is no file of the project: a relative path is wanted"):format(tostring(name)), "outside"
  end
  if project.files[cleaned] == nil then
    local bytes, message, code = load_file(project, cleaned)
    if not bytes then return nil, message, code end
    project.files[cleaned] = bytes
  end
  return project.files[cleaned], cleaned
end

-- Names beside a missing one, for a suggestion.
local function neighbours(project, name)
  local dir = folder_of(name)
  local list = sys.list_dir(project.root .. "/" .. (dir or "")) or {}
  for i, file in ipairs(list) do list[i] = dir and dir .. "/" .. file or file end
  return list
end

--- The bytes of a file that must be there; raises a fault.
-- @return bytes, cleaned name
function files.read(project, name, where)
  local bytes, message, code = files.try(project, name)
  if bytes then return bytes, message end
  if code == "notfound" then
    fault.raise("playbook", where, "there is no file '%s' in the project%s", name,
      near.hint(name, neighbours(project, name)))
  end
  fault.raise("playbook", where, "%s", message)
end

--- The bytes of a file, or nil where there is none.
function files.read_if_there(project, name)
  local bytes, message, code = files.try(project, name)
  if not bytes and code ~= "notfound" then fault.raise("playbook", nil, "%s", message) end
  return bytes
end

return files
