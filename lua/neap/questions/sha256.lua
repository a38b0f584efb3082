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
  return (name:gsub("\\", "\\\\"):gsub("\n", "\\n"):gsub("\r", "\\r"))
end

local function parse(r, list)
  names.ran(r, "sha256", 1)
  local answers, at = {}, 1
  for i, args in ipairs(list) do
    local hash, from = r.out:match("^\\?(%x+)  ()", at)
    for _, name in ipairs { args[1], escaped(args[1]) } do
      if hash and #hash == 64 and r.out:sub(from, from + #name) == name .. "\n" then
        answers[i], at = hash, from + #name + 1
        break
      end
    end
    if not answers[i] then answers[i] = names.failure(r.err, args[1]) end
  end
  return answers
end

return { name = "sha256", script = script, parse = parse }
