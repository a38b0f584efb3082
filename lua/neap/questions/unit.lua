--- What systemd knows of a unit: unit("nginx.service") -> { load = "loaded"|"masked"|…, active = "active"|"inactive"|
-- "failed"|"activating"|…, enabled = "enabled"|"disabled"|"static"|"masked"|…, reloads = bool, stale = bool (its file
-- has changed since it was read), linked = true where a link in /etc/systemd/system starts it at boot, mask or not };
-- nil for one that there is not. One `systemctl show` for all. Of a template (unit("getty@.service")), which systemd
-- has no properties of, it is told whether there is one, and it is stale where one of its instances is.
local sh = require "neap.sh"
local units = require "neap.units"

local TEMPLATES = [[
command -v systemctl >/dev/null || { echo "no systemd here" >&2; exit 3; }
LC_ALL=C; export LC_ALL
while [ $# -gt 0 ]; do
  printf 'template %s %s %s\n' "$(systemctl is-enabled "$1" 2>/dev/null)" \
    "$(systemctl show -P NeedDaemonReload "$2" | sort -r | head -n 1)" "$1"
  shift 2
done
]]

local UNITS = [[
for unit do
  for link in /etc/systemd/system/*.wants/"$unit" /etc/systemd/system/*.requires/"$unit"; do
    [ ! -h "$link" ] || { printf 'linked %s\n' "$unit"; break; }
  done
done
echo --
[ $# -gt 0 ] || exit 0
exec systemctl show -p Id,LoadState,ActiveState,UnitFileState,CanReload,NeedDaemonReload -- "$@"
]]

local function script(list)
  local names, templates = {}, {}
  for _, args in ipairs(list) do
    local name = args[1]
    if units.is_template(name) then
      templates[#templates + 1] = name
      templates[#templates + 1] = units.instances(name)
    else
      names[#names + 1] = name
    end
  end
  return "set -- " .. sh.words(templates) .. "\n" .. TEMPLATES .. "set -- " .. sh.words(names) .. "\n" .. UNITS
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

-- What stands before the blocks: which units are linked, and what there is of templates.
local function read_head(head)
  local linked, templates = {}, {}
  for line in head:gmatch("[^\n]+") do
    local unit = line:match("^linked (.*)$")
    if unit then linked[unit] = true end
    local state, stale, name = line:match("^template (%S*) (%S*) (.*)$")
    if name and state ~= "" and state ~= "not-found" then
      templates[name] = {
        load = state == "masked" and "masked" or "loaded", active = "inactive", enabled = state, reloads = false,
        stale = stale == "yes",
      }
    end
  end
  return linked, templates
end

-- The blocks come in the order of the names, an empty line between two.
local function parse(r, list)
  if r.rc ~= 0 then error(("the host could not answer 'unit' (status %d): %s"):format(r.rc, r.err), 0) end
  local head, shown = r.out:match("^(.-)%-%-\n(.*)$")
  local linked, templates = read_head(head or "")
  local answers, blocks = {}, {}
  for block in ((shown or r.out) .. "\n"):gmatch("(.-\n)\n+") do blocks[#blocks + 1] = block end
  local at = 0
  for i, args in ipairs(list) do
    local name = args[1]
    if units.is_template(name) then
      answers[i] = templates[name]
    else
      at = at + 1
      answers[i] = blocks[at] and answer(blocks[at])
      if answers[i] then answers[i].linked = linked[name] end
    end
  end
  if #blocks ~= at then error(("systemd answered for %d units of %d"):format(#blocks, at), 0) end
  return answers
end

return { name = "unit", script = script, parse = parse }
