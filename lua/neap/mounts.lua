--- What is mounted in a directory: nothing is moved or removed with something mounted on it, or in it. Moved, a volume
-- would hang where nobody looks for it, and be emptied with the next thing that goes; between file systems, what is in
-- it would be copied away.
local look = require "neap.look"
local sh = require "neap.sh"

local mounts = {}

-- The kernel writes a path with \040 for a blank, and so on.
local FUNCTION = [[
mounted() { # DIRECTORY [NAME...]: where in it, or on and below these names in it, as the kernel writes it
  LC_ALL=C awk -- 'function spelt(s) {
    gsub(/\\/, "\\134", s); gsub(/ /, "\\040", s); gsub(/\t/, "\\011", s); gsub(/\n/, "\\012", s)
    return s
  }
  BEGIN {
    for (i = 2; i < ARGC; i++) named[spelt(ARGV[i])]
    top = spelt(ARGV[1]) "/"
    while ((getline <"/proc/self/mountinfo") > 0) {
      at = $5
      if (index(at "/", top) != 1) continue
      at = name = substr(at, length(top) + 1)
      sub(/\/.*/, "", name)
      if (ARGC == 2 ? name != "" : name in named) print at
    }
  }' "$@"
}
]]

local WHY = "nothing is taken away with that: unmount it first"

--- Shell functions for a step (see neap.place): `unmounted DIRECTORY [NAME...]` fails where something is mounted there.
mounts.FUNCTIONS = FUNCTION .. ([[
unmounted() {
  m=$(mounted "$@") || exit 1
  [ -z "$m" ] || fail "something is mounted on '$1/$(printf '%s\n' "$m" | head -n 1)', and WHY" 75
}
]]):gsub("WHY", WHY)

-- By the way that leads there: the kernel knows no links.
local ASK = FUNCTION .. [[
cd -P -- %s 2>/dev/null || exit 0
top=$(env pwd -P) && mounted "${top%%/}"
]]

local function question(dir) return (ASK:gsub("%%([s%%])", { s = sh.quote(dir), ["%"] = "%" })) end

local function clear(path)
  return (path:gsub("\\(%d%d%d)", function(octal) return string.char(tonumber(octal, 8) % 256) end))
end

--- What is said of a path on which something is mounted.
function mounts.refusal(path) return ("something is mounted on '%s', and %s"):format(path, WHY) end

--- Says that mounts.on() will be asked next.
function mounts.expect(host, dir) host:expect("run", question(dir)) end

--- The first path in a directory, or at or below one of these names in it, on which something is mounted, or nil.
function mounts.on(host, dir, names)
  local is_named, answer = {}, host:run(question(dir))
  if answer.rc ~= 0 then look.fail("it is not known what is mounted in '%s': %s", dir, answer.err) end
  for _, name in ipairs(names or {}) do is_named[name] = true end
  for line in answer.out:gmatch("[^\n]+") do
    local at = clear(line)
    if not names or is_named[at:match("^[^/]+")] then return (dir == "/" and "" or dir) .. "/" .. at end
  end
end

return mounts
