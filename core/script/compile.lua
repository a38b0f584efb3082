-- compile.lua SOURCE TARGET: compiles every Lua file of neap/ below the folder
-- SOURCE into one bundle of bytecode, TARGET (see bundle.h). Run by the build.
local sys = require "neap.core.sys"

local source, target = arg[1], arg[2]

local HEX = "%08x"
local modules = {}

local function compile(path)
  local chunk = assert(load(assert(sys.read_file(source .. "/" .. path)), "@" .. path, "t"))
  local name = path:gsub("%.lua$", ""):gsub("/", ".")
  modules[#modules + 1] = { name = name, code = string.dump(chunk) }
end

local function walk(folder)
  for _, name in ipairs(assert(sys.list_dir(source .. "/" .. folder))) do
    local path = folder .. "/" .. name
    if name:match("%.lua$") then
      compile(path)
    elseif sys.stat(source .. "/" .. path).kind == "directory" then
      walk(path)
    end
  end
end

-- The index has the same length whatever the offsets are.
local function index(first)
  local lines, offset = {}, first
  for i, module in ipairs(modules) do
    lines[i] = ("%s " .. HEX .. " " .. HEX .. "\n"):format(module.name, offset, #module.code)
    offset = offset + #module.code
  end
  return table.concat(lines) .. "\n"
end

walk "neap"
local parts = { index(#index(0)) }
for i, module in ipairs(modules) do parts[i + 1] = module.code end
assert(sys.write_file(target, table.concat(parts)))
