--- The processes of a user, by their real or effective owner: processes("app") -> { { pid, unit, name } … }, with the
-- systemd unit that they belong to (nil: none); empty where there is no such user.
local sh = require "neap.sh"

local processes = { name = "processes" }

--- Shell text: processes UID prints a line for each.
processes.SCRIPT = [=[
LC_ALL=C; export LC_ALL
processes() {
  for p in /proc/[0-9]*; do
    owners=$(sed -n 's/^Uid:[[:space:]]*//p' "$p/status" 2>/dev/null) || continue
    set -- "$1" $owners
    [ "$2" = "$1" ] || [ "$3" = "$1" ] || continue
    unit=$(sed -n 's;^.*/\([^/]*[.]service\).*;\1;p' "$p/cgroup" 2>/dev/null | head -n 1)
    printf 'p\t%s\t%s\t%s\n' "${p#/proc/}" "$unit" "$(tr '\0' ' ' <"$p/comm" 2>/dev/null)"
  done
}
]=]

--- What one of these lines says; nil of another one.
function processes.process_of(line)
  local pid, unit, name = line:match("^p\t(%d+)\t([^\t]*)\t(.*)$")
  return pid and { pid = pid, unit = unit ~= "" and unit or nil, name = name:match("^%s*(.-)%s*$") }
end

function processes.script(list)
  local text = { processes.SCRIPT }
  for _, args in ipairs(list) do
    text[#text + 1] = sh("printf '#user\\n'; ! uid=$(id -u -- %s 2>/dev/null) || processes \"$uid\"\n", args[1])
  end
  return table.concat(text)
end

function processes.parse(r, list)
  if r.rc ~= 0 then error(("the host could not answer 'processes' (status %d): %s"):format(r.rc, r.err), 0) end
  local answers = {}
  for line in r.out:gmatch("[^\n]+") do
    if line == "#user" then
      answers[#answers + 1] = {}
    elseif answers[1] then
      table.insert(answers[#answers], processes.process_of(line))
    end
  end
  if #answers ~= #list then error("the answer of 'processes' is cut short: " .. r.err, 0) end
  return answers
end

return processes
