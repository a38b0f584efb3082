--- A service of systemd: whether it runs, whether it starts at boot, and what makes it restart or reload.
-- It is started only where it does not run, restarted or reloaded only where it did; one that was just started has
-- read its configuration and needs neither. A change of a resource named in `restart_on` or `reload_on` is written down
-- on the host until it has been acted on, so that it is not lost when a run ends in between.
-- A unit has one name: service "nginx.service" is service "nginx".
-- @usage service "nginx" { running = true, enabled = true, reload_on = vhost, validate = "nginx -t" }
-- @usage service "apache2" { running = false, masked = true }
local fault = require "neap.engine.fault"
local sh = require "neap.sh"
local units = require "neap.units"

local service = {
  name = "service", key = "name", triggers = { "restart", "reload" },
  attributes = {
    running = { type = "boolean", doc = "Whether it runs." },
    enabled = { type = "boolean", doc = "Whether it starts at boot." },
    masked = { type = "boolean",
      doc = "Whether nothing can start it. What somebody has masked starts only where this is false." },
  },
}

--- The unit's full name.
service.unit = units.full

--- One name for one unit: "nginx.service" is "nginx".
service.check_key = units.short

function service.check(key, attrs)
  if not key:find("^[%w:_.@\\-]+$") or key:find("^%-") then error(("'%s' is no name of a unit"):format(key), 0) end
  if attrs.masked and (attrs.running or attrs.enabled) then
    error("a masked service neither runs nor starts at boot: leave out running and enabled", 0)
  end
  return attrs
end

function service.depends(key)
  local unit = service.unit(key)
  local template = units.template(unit)
  return { "systemd_unit:" .. unit, "package:" .. key, template and "systemd_unit:" .. template }
end

--- Where the package has its unit that brings it.
function service.shipped_as(key)
  local unit = service.unit(key)
  return { "/usr/lib/systemd/system/" .. (units.template(unit) or unit) }
end

--- Without its unit none runs or starts at boot.
function service.hangs_on(key, attrs)
  if not (attrs.running or attrs.enabled) then return {} end
  local unit, ids = service.unit(key), {}
  local template, of_timer = units.template(unit), unit:match("^(.*)%.timer$") or unit:match("^(.*)%.service$")
  ids[1] = "systemd_unit:" .. unit
  ids[#ids + 1] = template and "systemd_unit:" .. template
  ids[#ids + 1] = of_timer and "timer:" .. of_timer
  return ids
end

-- A static unit has nothing that could be enabled: other units start it, and it is as wanted either way.
local ENABLED = { enabled = true, ["enabled-runtime"] = true, alias = true }
local NEITHER = { static = true, indirect = true, generated = true }

local function is_enabled(state, wanted)
  if NEITHER[state] and wanted ~= nil then return wanted end
  return ENABLED[state] or NEITHER[state] or false
end

-- Running means: no start is needed. One that is about to restart itself is on its way.
local RUNNING = { active = true, reloading = true, activating = true, refreshing = true }

-- What is known of a unit; an instance of a template that an earlier resource brings is there with it.
local function known_of(host, name)
  local known, template = host:unit(name), units.template(name)
  if known or not template then return known end
  local brought = host:unit(template)
  return brought and {
    load = brought.load, active = "inactive", enabled = brought.enabled == "static" and "static" or "disabled",
  }
end

function service.probe(host, key, want)
  local unit = known_of(host, service.unit(key))
  if not unit then
    if want and (want.running or want.enabled) then
      fault.raise("failed", nil, "unit '%s' does not exist and nothing before brings it: "
        .. "declare its package or systemd_unit", service.unit(key))
    end
    return want and { running = false, enabled = false, masked = false } or nil
  end
  local masked = unit.load == "masked" or unit.enabled == "masked"
  -- to be absent is to do nothing: the unit itself goes with what brought it
  if not want and not masked and not RUNNING[unit.active] and not ENABLED[unit.enabled] then return nil end
  return {
    running = RUNNING[unit.active] or false,
    enabled = masked and unit.linked or not masked and is_enabled(unit.enabled, want and want.enabled), masked = masked,
  }
end

local function verb_of(change)
  local from, to, differs = change.from or {}, change.to or {}, change.differs
  if differs.running then return to.running and "start" or "stop" end
  if change.trigger and from.running then return change.trigger end
end

--- Whether a change starts the service, so that it reads its configuration.
function service.starts(change)
  return change.to ~= nil and change.to.running == true and change.differs.running == true
end

-- What is to be done to a service that was masked and stays so, other than to stop it: systemd refuses.
local function verb_under_mask(change)
  local verb = verb_of(change)
  return change.from and change.from.masked and change.to.masked and verb ~= "stop" and verb or nil
end

-- The mask of a unit is a link in the place where its file would be.
local function check_place(host, unit)
  local st = host:stat(units.path(unit))
  if st and st.kind == "file" then
    fault.raise("failed", nil, "systemd cannot mask '%s', whose file is in /etc/systemd/system: take that away before, "
      .. "by absent.systemd_unit \"%s\"", unit, unit)
  end
end

--- Nothing starts what somebody has masked, unless the playbook takes the mask off; and not all can be masked.
function service.foresee(host, key, change)
  local verb, unit = verb_under_mask(change), service.unit(key)
  if verb then
    fault.raise("failed", nil, "'%s' is masked, and so there is no %s: say masked = false to have the mask taken off",
      unit, verb)
  end
  if change.to.masked and change.differs.masked then check_place(host, unit) end
end

-- Why a unit did not come up stands in its log: the last lines of it go with the error.
-- A server that is only told to read its configuration goes on with the old one until it comes to that. sshd lets in
-- by the old one meanwhile, and the lock-out guard would take that for a sign that all is well. It makes its pid file
-- anew when it has read.
local MARKS = { ["ssh.service"] = "/run/sshd.pid", ["sshd.service"] = "/run/sshd.pid" }
local BEFORE = "made() { stat -c '%%i %%z' %s 2>/dev/null; }; was=$(made)\n"
local AFTER = [[
[ -z "$was" ] || for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  now=$(made)
  [ -z "$now" ] || [ "$now" = "$was" ] || break
  sleep 0.3
done
]]

local ACT = [[
began=$(date +%%s)
if ! systemctl %s %s; then
  systemctl --no-pager --lines=0 status %s >&2 2>&1
  journalctl --no-pager -q -n 15 --since "@$began" -o cat -u %s >&2 2>/dev/null
  exit 1
fi
]]

--- The same of one that was started and ended soon after, which systemctl takes for a start.
function service.evidence(key, change)
  if not (change.to and change.to.running) then return nil end
  return sh("systemctl show -P Result %s | sed 's/^/systemd says: /'\njournalctl --no-pager -q -n 5 -o cat -u %s\n",
    service.unit(key), service.unit(key))
end

-- The unit itself goes with what brought it: it may be gone by now, also behind a mask, and run on.
local function delete(unit, from)
  local text = from.masked and sh("systemctl unmask %s || exit 1\n", unit) or ""
  if from.running then text = text .. sh("systemctl stop %s || ! systemctl is-active -q %s || exit 1\n", unit, unit) end
  text = text .. sh("systemctl cat %s >/dev/null 2>&1 || { systemctl disable %s 2>/dev/null; exit 0; }\n", unit, unit)
  return { run = text .. sh("systemctl disable --now %s", unit), title = "stop " .. unit }
end

function service.steps(key, change)
  local unit, differs, to = service.unit(key), change.differs, change.to
  if change.kind == "delete" then return { delete(unit, change.from) } end
  local text = {}
  -- of what is masked systemd enables, disables and starts nothing
  local under_mask = to.masked and not differs.masked and (differs.enabled or verb_under_mask(change))
  local unmask, mask = differs.masked and not to.masked or under_mask, differs.masked and to.masked or under_mask
  if unmask then text[#text + 1] = sh("systemctl unmask %s || exit 1\n", unit) end
  if differs.enabled and to.enabled then text[#text + 1] = sh("systemctl enable %s || exit 1\n", unit) end
  if differs.enabled and not to.enabled then text[#text + 1] = sh("systemctl disable %s || exit 1\n", unit) end
  local verb = verb_of(change)
  -- systemd counts starts to end a loop of crashes; those that are asked for are none
  if verb and verb ~= "stop" then text[#text + 1] = sh("systemctl reset-failed %s 2>/dev/null\n", unit) end
  local marks = verb == "reload" and MARKS[unit]
  if verb == "reload" then verb = "reload-or-restart" end
  if marks then text[#text + 1] = sh(BEFORE, marks) end
  if verb then text[#text + 1] = sh(ACT, verb, unit, unit, unit) end
  if marks then text[#text + 1] = AFTER end
  local now = under_mask and to.running and "" or " --now"
  if mask then text[#text + 1] = sh("systemctl mask" .. now .. " %s || exit 1\n", unit) end
  if #text == 0 then return {} end
  return { { run = table.concat(text), title = (verb or "set up") .. " " .. unit, timeout_ms = 10 * 60 * 1000 } }
end

function service.effects(key, change, model)
  local unit, to = service.unit(key), change.to
  if not to then
    local known = model:get("unit", { unit })
    local was_masked = known and known.load == "masked" -- systemd reads its units anew when a mask is taken off
    if known then
      model:set("unit", { unit }, {
        load = was_masked and "loaded" or known.load, active = "inactive", enabled = "disabled",
        reloads = known.reloads, stale = not was_masked and known.stale,
      })
    end
    return
  end
  model:set("unit", { unit }, {
    load = to.masked and "masked" or "loaded", active = to.running and "active" or "inactive",
    enabled = to.masked and "masked" or to.enabled and "enabled" or "disabled", reloads = true, stale = false,
    linked = to.enabled or nil,
  })
end

return service
