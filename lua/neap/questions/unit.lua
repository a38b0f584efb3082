--- What systemd knows of a unit: unit("nginx.service") -> { load = "loaded"|"masked"|…, active = "active"|"inactive"|
-- "failed"|"activating"|…, enabled = "enabled"|"disabled"|"static"|"masked"|…, reloads = bool, stale = bool (its file
-- has changed since it was read) }; nil for one that there is not. One `systemctl show` for all.
local sh = require "neap.sh"

local SCRIPT = [[
command -v systemctl >/dev/null || { echo "no systemd here" >&2; exit 3; }
LC_ALL=C; export LC_ALL; exec systemctl show -p Id,LoadState,ActiveState,UnitFileState,CanReload,NeedDaemonReload -- ]]

local function script(list)
  local names = {}
  for i, args in ipairs(list) do names[i] = args[1] end
  return SCRIPT .. sh.words(names)
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
  for block in (r.out .. "\n"):gmatch("(.-\n)\n+") do
    i = i + 1
    answers[i] = answer(block)
  end
  if i ~= #list then error(("systemd answered for %d units of %d"):format(i, #list), 0) end
  return answers
end

return { name = "unit", script = script, parse = parse }
