--- What a host cannot be without. A declaration that would take it away, empty it or put something else in its place is
-- refused where it stands, before any host is asked.
local names = require "neap.user_names"
local place = require "neap.place"

local vital = {}

--- The system's own directories; `neap doc directory` names them, too.
vital.DIRECTORIES = {
  "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/root", "/run", "/sbin",
  "/sys", "/tmp", "/usr", "/usr/bin", "/usr/lib", "/usr/sbin", "/usr/share", "/var", "/var/lib", "/var/lib/dpkg",
  "/var/lib/neap",
}

local is_vital = {}
for _, path in ipairs(vital.DIRECTORIES) do is_vital[path] = true end

--- A `check_key` of things at a path.
function vital.check_path(path, absent)
  place.check(path)
  if absent and is_vital[path] then
    error(("'%s' is one of the system's own directories, and is never taken away"):format(path), 0)
  end
  return path
end

--- A `check_key` of accounts.
function vital.check_account(name, absent)
  names.check(name)
  if absent and name == "root" then error("'root' is never taken away", 0) end
  return name
end

--- Raises where one of `options` is set for a directory of the system.
function vital.check_options(path, attrs, options)
  for _, option in ipairs(options) do
    if is_vital[path] and attrs[option] then
      error(("'%s' is one of the system's own directories: no %s = true for it"):format(path, option), 0)
    end
  end
end

return vital
