--- The SHA-256 of a regular file's content, in hex; nil when there is none. Links are followed.
-- Only regular files reach `sha256sum`: a pipe or a device that somebody put in a file's place would never end.
local names = require "neap.names"

local SCRIPT = [[
LC_ALL=C; export LC_ALL
for f do
  shift
  [ ! -f "$f" ] || set -- "$@" "$f"
done
[ $# -eq 0 ] || exec sha256sum -- "$@"]]

local function script(list) return names.loop(SCRIPT, list) end

--- GNU marks a line by a backslash when the name in it is escaped; busybox never escapes.
local function escaped(name)
  if not name:find("[\\\n\r]") then return name end
  return (name:gsub("\\", "\\\\"):gsub("\n", "\\n"):gsub("\r", "\\r"))
end

-- Where the line goes on behind `name`, which stands at `from`; or nil.
local function after(out, from, name)
  local stop = from + #name
  return out:sub(from, stop) == name .. "\n" and stop + 1 or nil
end

local function parse(r, list)
  names.ran(r, "sha256", 1)
  local answers, at = {}, 1
  for i, args in ipairs(list) do
    local name = args[1]
    local hash, from = r.out:match("^\\?(%x+)  ()", at)
    local stop = hash and #hash == 64 and (after(r.out, from, name) or after(r.out, from, escaped(name)))
    if stop then
      answers[i], at = hash, stop
    else
      answers[i] = names.failure(r.err, name)
    end
  end
  return answers
end

return { name = "sha256", script = script, parse = parse }
