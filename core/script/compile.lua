-- compile.lua SOURCE TARGET: compiles every Lua file below the folder SOURCE
-- into bytecode below TARGET, under the same name with a "c" at its end.
-- Reading 12,000 lines of Lua is most of what a short run costs; bytecode is
-- read several times faster. Run by the build.
local sys = require "neap.core.sys"

local source, target = arg[1], arg[2]

local function compile(path)
  local chunk = assert(load(assert(sys.read_file(source .. "/" .. path)), "@" .. path, "t"))
  assert(sys.write_file(target .. "/" .. path .. "c", string.dump(chunk)))
end

local function walk(folder)
  assert(sys.mkdir(target .. "/" .. folder))
  for _, name in ipairs(assert(sys.list_dir(source .. "/" .. folder))) do
    local path = folder .. "/" .. name
    if name:match("%.lua$") then
      compile(path)
    elseif sys.stat(source .. "/" .. path).kind == "directory" then
      walk(path)
    end
  end
end

assert(sys.mkdir(target))
walk "neap"
