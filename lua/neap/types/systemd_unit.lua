--- A unit of systemd's own making: its file in /etc/systemd/system, read anew by systemd whenever it changes.
-- Say "name.service.d/10-memory.conf" for a drop-in of a unit that a package brought, and "name@.service" for a
-- template, whose instances are services: `service "name@one"`. It takes the place of a mask where its service is told
-- `masked = false`.
-- @usage systemd_unit "app.service" { content = render("app/app.service", { user = "app" }) }
-- @usage systemd_unit "mariadb.service.d/limits.conf" { content = "[Service]\nLimitNOFILE=32768\n" }
-- @usage absent.systemd_unit "old.service"
local crypto = require "neap.core.crypto"
local fault = require "neap.engine.fault"
local place = require "neap.place"
local sh = require "neap.sh"
local taint = require "neap.core.taint"
local units = require "neap.units"

local systemd_unit = {
  name = "systemd_unit", key = "name",
  attributes = {
    content = { type = "string", required = true, always = true, blob = true, doc = "The unit's text." },
    source = { type = "string", option = true, reads = "content",
      doc = "A file of the project to take the content from." },
    running = { type = "boolean", readonly = true, doc = "Whether it ran when it was taken away." },
    enabled = { type = "boolean", readonly = true, doc = "Whether it started at boot then." },
    unmasks = { type = "boolean", readonly = true, option = true, recorded = false,
      doc = "Whether its service is to be without the mask that may be in its place." },
  },
}

-- The unit that a key is about, and whether it is the unit itself.
local function unit_of(key)
  local unit = key:match("^([^/]+)%.d/[^/]+%.conf$")
  return unit or key, unit == nil
end

function systemd_unit.check_key(key)
  local unit = unit_of(key)
  if not unit:find("^[%w:_.@\\-]+$") or not units.is_full(unit) then
    error(("'%s' is no name of a unit: say \"%s.service\", or \"x.service.d/y.conf\" for a drop-in")
      :format(key, key), 0)
  end
  return key
end

function systemd_unit.check(_, attrs)
  if taint.is(attrs.content) then
    error("everybody on the host can read a unit: keep the secret in a file of its own, and name that here", 0)
  end
  return attrs
end

function systemd_unit.paths(key) return { units.path(key) } end

local function services_of(key) return { "service:" .. key, "service:" .. key:gsub("%.service$", "") } end

--- The services that come back with it.
function systemd_unit.brings(key, attrs)
  return attrs.running == nil and attrs.enabled == nil and {} or services_of(key)
end

--- A mask gives way to it where its service is to be without one: the file is written in the place of that.
function systemd_unit.agree(resource, by_id)
  for _, id in ipairs(services_of(resource.key)) do
    local service = by_id[id]
    if service and (service.absent or service.attrs.masked == false) then resource.attrs.unmasks = true end
  end
end

-- What goes with a unit that is taken away: nobody may have declared its service.
local function service_of(known)
  local is_on = known and (known.enabled == "enabled" or known.linked)
  return { running = known ~= nil and known.active == "active", enabled = is_on or false }
end

-- Where a package has the unit that one of the same name in /etc hides: with the latter the unit does not go.
local BENEATH = { "/usr/lib/systemd/system/", "/lib/systemd/system/" }

local function beneath(host, unit)
  for _, dir in ipairs(BENEATH) do host:expect("stat", dir .. unit) end
  for _, dir in ipairs(BENEATH) do host:stat(dir .. unit) end
end

-- Whether it is there by then, as far as the plan knows.
local function is_beneath(model, unit)
  for _, dir in ipairs(BENEATH) do
    if model:get("stat", { dir .. unit }) then return true end
  end
  return false
end

-- Whether there is no unit in its place, and at most a mask that goes with this one, or is its service's business.
local function is_absent(st, key, want, whole)
  if not st then return true end
  if not whole or not units.is_mask(st) then return false end
  if not want or want.unmasks then return true end
  fault.raise("failed", nil, "'%s' is no file but the mask of the unit: declare service \"%s\" with masked = false, "
    .. "and it is taken off", units.path(key), units.short(key))
end

function systemd_unit.probe(host, key, want)
  local path, unit, whole = units.path(key), unit_of(key)
  host:expect("unit", unit)
  if want then host:expect("sha256", path) end
  local st = host:stat(path)
  local known = host:unit(unit)
  if is_absent(st, key, want, whole) then return nil end
  if whole and not want then beneath(host, unit) end
  if st.kind ~= "file" then fault.raise("failed", nil, "'%s' is no file but %s", path, st.kind) end
  local content
  -- of a masked unit systemd reads nothing
  local stale = known and known.stale and known.load ~= "masked"
  if want and not stale and host:sha256(path) == crypto.sha256(want.content) then
    content = want.content
  else
    content = host:content(path)
    -- a file that systemd has not read is not in effect
    if want and stale and content == want.content then content = "(not read by systemd yet)\n" end
  end
  local found, service = { content = content }, {}
  if whole and not units.is_template(unit) and (not want or want.running ~= nil or want.enabled ~= nil) then
    service = service_of(known)
  end
  for name, value in pairs(service) do
    if not want or want[name] ~= nil then found[name] = value end
  end
  return found
end

local RELOAD = { run = "systemctl daemon-reload", title = "systemd reads its units" }

local function delete(path, unit, whole)
  local stop = whole and sh("systemctl disable --now %s 2>/dev/null\n", unit) or ""
  if whole and units.is_template(unit) then -- its instances run no longer than it is there
    stop = sh("systemctl disable %s 2>/dev/null\nsystemctl stop %s\n", unit, units.instances(unit))
  end
  if whole then stop = sh("[ -e %s ] || {\n", BENEATH[1] .. unit) .. stop .. "}\n" end
  local rmdir = whole and "" or sh("rmdir %s 2>/dev/null || :\n", path:match("^(.*)/"))
  return { { run = stop .. sh("rm -f %s || exit 1\n", path) .. rmdir, title = "remove " .. path }, RELOAD }
end

-- As it was when it was taken away.
local function bring_back(unit, change)
  local to, from, text = change.to, change.from or {}, ""
  if to.enabled ~= nil and to.enabled ~= (from.enabled or false) then
    text = text .. sh("systemctl " .. (to.enabled and "enable" or "disable") .. " %s || exit 1\n", unit)
  end
  if to.running ~= nil and to.running ~= (from.running or false) then
    text = text .. sh("systemctl " .. (to.running and "start" or "stop") .. " %s || exit 1\n", unit)
  end
  return text ~= "" and { run = text, title = "bring back " .. unit } or nil
end

function systemd_unit.steps(key, change)
  local path, replaces = units.path(key), change.from and "file" or change.to and change.to.unmasks and "mask" or nil
  local unit, whole = unit_of(key)
  if change.kind == "delete" then return delete(path, unit, whole) end
  local steps = {}
  if not whole then
    steps[1] = { run = sh("umask 022; mkdir -p %s", path:match("^(.*)/")), title = "make the directory of " .. key }
  end
  steps[#steps + 1] = {
    run = place.write(path, { owner = "root", group = "root", mode = "0644", replaces = replaces }),
    stdin = change.to.content, title = "write " .. path,
  }
  steps[#steps + 1] = RELOAD
  steps[#steps + 1] = bring_back(unit, change)
  return steps
end

function systemd_unit.effects(key, change, model)
  local path, to = units.path(key), change.to
  local unit, whole = unit_of(key)
  if not to then
    for _, kind in ipairs { "stat", "sha256", "content" } do model:set(kind, { path }, nil) end
    if whole and not is_beneath(model, unit) then model:set("unit", { unit }, nil) end
    return
  end
  model:set("stat", { path }, { kind = "file", mode = "0644", owner = "root", group = "root" })
  model:set("content", { path }, to.content)
  model:set("sha256", { path }, crypto.sha256(to.content))
  if whole and change.kind == "create" then
    local known = model:get("unit", { unit }) or {} -- of a package's unit that is hidden from now on
    local is_on = to.enabled or known.linked or known.enabled == "enabled"
    local installs = to.content:find("\n%[Install%]") or to.content:find("^%[Install%]")
    model:set("unit", { unit }, {
      load = "loaded", active = to.running and "active" or known.active or "inactive",
      enabled = is_on and "enabled" or installs and "disabled" or "static",
      reloads = to.content:find("\nExecReload=") ~= nil, stale = false,
      linked = known.linked,
    })
  end
end

-- Where its service is a resource, that says how it is.
local function settle(resource, by_id)
  for _, id in ipairs(systemd_unit.brings(resource.key, resource.attrs)) do
    if by_id[id] then resource.attrs.running, resource.attrs.enabled = nil, nil end
  end
end

systemd_unit.rollback = { settle = settle }

return systemd_unit
