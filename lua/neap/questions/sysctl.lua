--- The live value of a kernel parameter, as /proc/sys shows it; nil when the kernel has none by that name.
-- One `grep` over all files: /proc/sys answers only a whole read, which `read` of a shell is not.
local names = require "neap.names"

local sysctl = { name = "sysctl" }

--- The file of a parameter: `net.ipv4.ip_forward`, or with slashes where an interface's name has dots.
function sysctl.path(name)
  local first = name:match("[./]")
  if first == "." then name = name:gsub("[./]", { ["."] = "/", ["/"] = "." }) end
  return "/proc/sys/" .. name
end

function sysctl.script(list)
  local paths = {}
  for i, args in ipairs(list) do paths[i] = { sysctl.path(args[1]) } end
  local tool, stdin = names.run("grep -s '' /dev/null", paths)
  return "LC_ALL=C; export LC_ALL; exec " .. tool, stdin
end

function sysctl.parse(r, list)
  names.ran(r, "sysctl", 2)
  local seen = {}
  for line in r.out:gmatch("([^\n]*)\n") do
    local path, value = line:match("^(/proc/sys/[^:]*):(.*)$")
    if path then seen[path] = seen[path] and seen[path] .. "\n" .. value or value end
  end
  local answers = {}
  for i, args in ipairs(list) do answers[i] = seen[sysctl.path(args[1])] end
  return answers
end

return sysctl
