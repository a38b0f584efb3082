--- The names in a directory, sorted; nil when there is no directory. Links are not followed.
-- Globs of one shell, no fork a directory: `y` or `n` for each directory, its names, an empty name.
local names = require "neap.names"

local EACH = [[
for d do
  if [ ! -d "$d" ] || [ -h "$d" ]; then printf "n\0"
  elif [ ! -r "$d" ] || ! cd -- "$d"; then printf "d\0"
  else
    printf "y\0"
    for f in * .[!.]* ..?*; do
      if [ -e "$f" ] || [ -h "$f" ]; then printf "%s\0" "$f"; fi
    done
    printf "\0"
  fi
done]]

local function script(list)
  local text, stdin = names.loop(EACH, list)
  return "LC_ALL=C; export LC_ALL\n" .. text, stdin
end

local function parse(r, list)
  names.ran(r, "list")
  local answers, words = {}, r.out:gmatch("([^\0]*)\0")
  for i, args in ipairs(list) do
    local found = words()
    if found == "y" then
      local entries = {}
      for name in words do
        if name == "" then break end
        entries[#entries + 1] = name
      end
      table.sort(entries)
      answers[i] = entries
    elseif found == "d" then
      answers[i] = { failed = ("cannot list '%s': permission denied"):format(args[1]) }
    elseif found ~= "n" then
      error(("the answer about '%s' is cut short: %s"):format(args[1], r.err), 0)
    end
  end
  return answers
end

return { name = "list", bytes = true, script = script, parse = parse }
