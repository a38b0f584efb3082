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

local function script(list) return names.telling(EACH, list) end

local function parse(r, list)
  local answers, words = {}, names.heard(r, "list")
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
      names.cut_short(r, args[1])
    end
  end
  return answers
end

return { name = "list", bytes = true, script = script, parse = parse }
