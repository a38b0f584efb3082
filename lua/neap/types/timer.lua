--- A command that systemd runs at given times: NAME.timer and the NAME.service that it starts.
-- @usage timer "backup" { on_calendar = "*-*-* 03:15", command = "/usr/local/sbin/backup --all", user = "backup" }
-- @usage timer "poll" { on_active = "30s", every = "5min", command = "/usr/local/bin/poll" }
-- @usage absent.timer "old"
local crypto = require "neap.core.crypto"
local look = require "neap.look"
local place = require "neap.place"
local sh = require "neap.sh"

local DIR = "/etc/systemd/system/"

local timer = {
  name = "timer", key = "name",
  attributes = {
    command = { type = "string", option = true, recorded = false, doc = "What to run, for sh." },
    on_calendar = { type = "list", option = true, recorded = false,
      doc = "When, as systemd.time(7) says it: \"hourly\", \"Mon *-*-* 06:00\"." },
    every = { type = "string", option = true, recorded = false, doc = "How long after it last began: \"5min\"." },
    on_active = { type = "string", option = true, recorded = false,
      doc = "How long after the timer is started to run it first." },
    user = { type = "string", option = true, recorded = false, default = "root", doc = "The user to run as." },
    persistent = { type = "boolean", option = true, recorded = false, default = true,
      doc = "Whether a time missed while the host was off is made up for." },
    random_delay = { type = "string", option = true, recorded = false,
      doc = "Up to how much later to run, so that hosts do not all run at once." },
    description = { type = "string", option = true, recorded = false, doc = "A line for people." },
    service = { type = "string", or_false = true, blob = true, doc = "The text of the service; made of the others." },
    timer = { type = "string", or_false = true, blob = true, doc = "The text of the timer; made of the others." },
    running = { type = "boolean", default = true, doc = "Whether it runs, now and after a boot." },
  },
}

-- A word of an ExecStart line: quoted, its specifiers and variables taken literally.
local function word(text)
  return '"' .. text:gsub("[\\\"%%$]", { ["\\"] = "\\\\", ['"'] = '\\"', ["%"] = "%%", ["$"] = "$$" })
    :gsub("\n", "\\n"):gsub("\t", "\\t") .. '"'
end

local function service_text(key, attrs)
  return ("[Unit]\nDescription=%s\n\n[Service]\nType=oneshot\nUser=%s\nExecStart=/bin/sh -c %s\n"):format(
    attrs.description or key, attrs.user, word(attrs.command))
end

local function timer_text(key, attrs)
  local lines = { "[Unit]", "Description=" .. (attrs.description or key), "", "[Timer]" }
  for _, time in ipairs(attrs.on_calendar or {}) do lines[#lines + 1] = "OnCalendar=" .. time end
  if attrs.on_active then lines[#lines + 1] = "OnActiveSec=" .. attrs.on_active end
  if attrs.every then lines[#lines + 1] = "OnUnitActiveSec=" .. attrs.every end
  if attrs.on_calendar and attrs.persistent then lines[#lines + 1] = "Persistent=true" end
  if attrs.random_delay then lines[#lines + 1] = "RandomizedDelaySec=" .. attrs.random_delay end
  return table.concat(lines, "\n") .. "\n\n[Install]\nWantedBy=timers.target\n"
end

function timer.check(key, attrs)
  if not key:find("^[%w_@:-][%w_.@:-]*$") or key:find("%.timer$") then
    error(("'%s' is no name of a timer: say it without \".timer\""):format(key), 0)
  end
  if not attrs.command then
    if attrs.service ~= nil and attrs.timer ~= nil then return attrs end
    error("attribute 'command' is required", 0)
  end
  if not attrs.on_calendar and not attrs.every and not attrs.on_active then
    error("say when: on_calendar, every or on_active", 0)
  end
  if attrs.every and not attrs.on_active and not attrs.on_calendar then attrs.on_active = attrs.every end
  for _, name in ipairs { "every", "on_active", "user", "random_delay", "description" } do
    if attrs[name] and attrs[name]:find("%c") then error(("%s is one line"):format(name), 0) end
  end
  attrs.service, attrs.timer = service_text(key, attrs), timer_text(key, attrs)
  return attrs
end

function timer.depends(_, attrs) return attrs.user and { "user:" .. attrs.user } or {} end

function timer.paths(key) return { DIR .. key .. ".service", DIR .. key .. ".timer" } end

--- The service that comes and goes with it.
function timer.brings(key) return { "service:" .. key .. ".timer" } end

local function text_of(host, path, wanted)
  if not host:stat(path) then return false end
  if wanted and host:sha256(path) == crypto.sha256(wanted) then return wanted end
  return host:content(path)
end

function timer.probe(host, key, want)
  local service, clock = DIR .. key .. ".service", DIR .. key .. ".timer"
  host:expect("stat", service)
  host:expect("unit", key .. ".timer")
  if want then
    host:expect("sha256", service)
    host:expect("sha256", clock)
  end
  local found = { timer = text_of(host, clock, want and want.timer) }
  found.service = text_of(host, service, want and want.service)
  if not found.timer and not found.service then return nil end
  local unit = host:unit(key .. ".timer")
  found.running = unit ~= nil and unit.active == "active" and unit.enabled == "enabled" and not unit.stale
  return found
end

local function times_of(text)
  local lines = { "command -v systemd-analyze >/dev/null || exit 0\n" }
  for name, value in text:gmatch("\n(On%a+)=([^\n]*)") do
    local verb = name == "OnCalendar" and "calendar" or "timespan"
    lines[#lines + 1] = sh("systemd-analyze " .. verb .. " -- %s >/dev/null || exit\n", value)
  end
  return table.concat(lines)
end

--- Times are systemd's to read: it is asked before it finds the unit bad.
function timer.foresee(host, _, change)
  local from, to = change.from or {}, change.to
  if to.user and to.service ~= from.service then look.account(host, "passwd", to.user) end
  if not to.timer or to.timer == from.timer then return end
  local said = host:run(times_of(to.timer))
  if said.rc == 0 then return end
  local words = said.err:match("[^\n]+") or "systemd cannot read its times"
  if said.rc ~= 1 then look.fail("the host could not look at its times (status %d): %s", said.rc, words) end
  look.fail("%s; see systemd.time(7)", words)
end

local function write(path, text, from)
  local how = { owner = "root", group = "root", mode = "0644", replaces = from and "file" or nil }
  return { run = place.write(path, how), stdin = text, title = "write " .. path }
end

function timer.steps(key, change)
  local unit, service, clock = key .. ".timer", DIR .. key .. ".service", DIR .. key .. ".timer"
  if change.kind == "delete" then
    return { { title = "remove " .. unit, run = sh("systemctl disable --now %s 2>/dev/null\nrm -f %s %s && "
      .. "systemctl daemon-reload", unit, service, clock) } }
  end
  local from, to, steps = change.from or {}, change.to, {}
  local function set(path, was, text)
    if text == false and was then
      steps[#steps + 1] = { title = "remove " .. path, run = place.remove(path, "file") }
    elseif text and text ~= was then
      steps[#steps + 1] = write(path, text, was)
    end
  end
  local stop = sh("systemctl disable -q --now %s", unit)
  if to.timer == false and from.timer then steps[1] = { title = "stop " .. unit, run = stop } end
  set(service, from.service, to.service)
  set(clock, from.timer, to.timer)
  local verb = to.running and sh("systemctl enable -q %s && systemctl restart %s", unit, unit) or stop
  local run = "systemctl daemon-reload" .. (to.timer == false and "" or " && " .. verb)
  steps[#steps + 1] = { run = run, title = "set " .. unit }
  return steps
end

function timer.effects(key, change, model)
  for suffix, name in pairs { [".service"] = "service", [".timer"] = "timer" } do
    local path, text = DIR .. key .. suffix, change.to and change.to[name] or nil
    model:set("stat", { path }, text and look.predicted("file", {}, "0644"))
    model:set("content", { path }, text)
    model:set("sha256", { path }, text and crypto.sha256(text))
  end
  local to, state = change.to, nil
  if to and to.timer then
    state = { load = "loaded", active = "inactive", enabled = "disabled", reloads = false, stale = false }
    if to.running then state.active, state.enabled = "active", "enabled" end
  end
  model:set("unit", { key .. ".timer" }, state)
end

return timer
