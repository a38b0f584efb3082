--- What systemd knows of a unit: unit("nginx.service") -> { load = "loaded"|"masked"|…, active = "active"|"inactive"|
-- "failed"|"activating"|…, enabled = "enabled"|"disabled"|"static"|"masked"|…, reloads = bool, stale = bool (its file
-- has changed since it was read), linked = true where a link in /etc/systemd/system starts it at boot, mask or not };
-- nil for one that there is not. One `systemctl show` for all.
local sh = require "neap.sh"

local SCRIPT = [[
command -v systemctl >/dev/null || { echo "no systemd here" >&2; exit 3; }
LC_ALL=C; export LC_ALL
for unit do
  for link in /etc/systemd/system/*.wants/"$unit" /etc/systemd/system/*.requires/"$unit"; do
    [ ! -h "$link" ] || { printf 'linked %s\n' "$unit"; break; }
  done
done
echo --
exec systemctl show -p Id,LoadState,ActiveState,UnitFileState,CanReload,NeedDaemonReload -- "$@"
]]

local function script(list)
  local names = {}
  for i, args in ipairs(list) do names[i] = args[1] end
  return "set -- " .. sh.words(names) .. "\n" .. SCRIPT
end

local function answer(block)
  local p = {}
  for name, value in block:gmatch("(%w+)=([^\n]*)") do p[name] = value end
  if not p.LoadState then return nil end
  if p.LoadState == "not-found" and p.ActiveState == "inactive" then return nil end
  return {
    load = p.LoadState, active = p.ActiveState, enabled = p.UnitFileState ~= "" and p.UnitFileState or nil,
    reloads = p.CanReload == "yes", stale = p.NeedDaemonReload == "yes",
  }
end

-- The blocks come in the order of the names, an empty line between two.
local function parse(r, list)
  if r.rc ~= 0 then error(("the host could not answer 'unit' (status %d): %s"):format(r.rc, r.err), 0) end
  local answers, i = {}, 0
  local links, shown = r.out:match("^(.-)%-%-\n(.*)$")
  for block in ((shown or r.out) .. "\n"):gmatch("(.-\n)\n+") do
    i = i + 1
    answers[i] = answer(block)
    local linked = links and list[i] and links:find("linked " .. list[i][1] .. "\n", 1, true)
    if answers[i] then answers[i].linked = linked and true or nil end
  end
  if i ~= #list then error(("systemd answered for %d units of %d"):format(i, #list), 0) end
  return answers
end

return { name = "unit", script = script, parse = parse }
