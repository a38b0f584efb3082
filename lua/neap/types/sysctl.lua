--- A kernel parameter, now and after the next boot.
-- The value is written to the running kernel and to a file of its own in /etc/sysctl.d.
-- @usage sysctl "net.ipv4.ip_nonlocal_bind" { value = "1" }
-- @usage sysctl "vm.swappiness" { value = "10", live = false }
local crypto = require "neap.core.crypto"
local look = require "neap.look"
local place = require "neap.place"
local question = require "neap.questions.sysctl"
local sh = require "neap.sh"

local function is_line(value) return type(value) == "string" and not value:find("%c") end

local sysctl = {
  name = "sysctl", key = "parameter",
  attributes = {
    value = { type = "any", required = true, kept = is_line,
      doc = "A string or an integer; blanks and tabs between words are one." },
    live = { type = "boolean", default = true, option = true,
      doc = "Set it in the running kernel too; false where that is not ours, as in a container." },
    persisted = { type = "boolean", readonly = true, doc = "Whether the file in /etc/sysctl.d says the same." },
    boot = { type = "string", or_false = true, readonly = true,
      doc = "What that file says, where the running kernel has something else." },
    running = { type = "string", readonly = true,
      doc = "What the running kernel has; a run that is the first to set that keeps it for the way back." },
  },
  equal = { boot = function(found, wanted) return not wanted or found == wanted end }, -- else it is for `persisted`
}

--- A name with dots between its parts, or with slashes where a part has dots.
function sysctl.check_key(key)
  if not key:find("^[%w_-]+[./][%w_./:@-]+$") or key:find("..", 1, true) then
    error(("'%s' is no name of a kernel parameter, such as net.ipv4.ip_forward"):format(key), 0)
  end
  return key
end

function sysctl.check(_, attrs)
  local value = math.type(attrs.value) == "integer" and tostring(attrs.value) or attrs.value
  if not is_line(value) then error("'value' is a line of text or an integer", 0) end
  attrs.value = value:gsub("%s+", " "):match("^%s*(.-)%s*$")
  attrs.persisted = true
  return attrs
end

local function file_of(key) return "/etc/sysctl.d/90-neap-" .. key:gsub("/", "@") .. ".conf" end

function sysctl.paths(key) return { file_of(key) } end
function sysctl.depends(key) return look.depends(file_of(key), {}) end

local function text_of(key, value) return ("# %s is managed by neap\n%s = %s\n"):format(key, key, value) end

local function blanks(value) return value and (value:gsub("%s+", " "):gsub(" $", "")) end

local function said_in(text, key)
  return text and text:match("\n" .. key:gsub("%p", "%%%0") .. " = ([^\n]*)\n$")
end

-- Whether the file says the same: as the kernel or as is wanted. So what is recorded where the kernel has refused a
-- value is true whatever is wanted next.
local function is_persisted(said, live, want)
  if want.persisted == false then return said ~= nil and not want.boot end
  return said ~= nil and (said == live or said == (want.boot or want.value))
end

function sysctl.probe(host, key, want)
  host:expect("sysctl", key)
  local text = host:content(file_of(key))
  local said, live = said_in(text, key), blanks(host:sysctl(key))
  if not want then return text and { value = said or live, persisted = true, boot = false } or nil end
  local running = (want.live ~= false or want.running) and live or nil
  if want.live == false then
    live = said
    -- of what is neither set nor kept there is nothing to find
    if not text and want.persisted == false and not want.boot then live = want.value end
    if not text and not live then return nil end
  end
  if not live and not text then return nil end
  said = text and (said or "")
  return {
    value = live, persisted = is_persisted(said, live, want), boot = said ~= live and said or false, running = running,
  }
end

function sysctl.foresee(host, key, change)
  if change.to.live == false or change.to.persisted == false or host:sysctl(key) then return end
  host:missing("the kernel of this host has no %s: load what brings it first, or say live = false", question.path(key))
end

local function set_live(key, value)
  local path = question.path(key)
  local function otherwise(fmt) return sh(" || { echo %s >&2; exit 1; }\n", fmt:format(path)) end
  return {
    run = sh("[ -e %s ]", path) ..
      otherwise("the kernel of this host has no %s: load what brings it first, or say live = false") ..
      sh("printf '%%s\\n' %s >%s", value, path) ..
      otherwise("the kernel does not take that value in %s; where it is read-only, as in a container, set it outside "
        .. "and say live = false"),
    title = ("set %s to %s"):format(key, value),
  }
end

-- What the running kernel is to have, or nil where that is not ours: on a way back what it had before it was set first.
local function live_of(change)
  local to, before = change.to, change.resource and change.resource.before
  if not to then return before and before.first and before.first.running end
  if to.live ~= false and (change.kind == "create" or change.differs.value) then return to.value end
  return change.differs.running and to.running or nil
end

-- What the file is to say, or nil where there is to be none. Where another value was found in it that is not the one
-- that is to stand there, that is no more than what was found.
local function boot_of(change)
  local to, differs = change.to, change.differs
  if not to then return nil end
  if to.persisted == false then return to.boot or nil end
  local is_found = differs.persisted and not differs.boot
  return not is_found and to.boot or to.value
end

-- The kernel is asked first: a value that it refuses is not left for the next boot.
function sysctl.steps(key, change)
  local path, steps, differs = file_of(key), {}, change.differs
  local live, boot = live_of(change), boot_of(change)
  if live then steps[1] = set_live(key, live) end
  if not boot then
    steps[#steps + 1] = { run = place.remove(path, "file"), title = "remove " .. path }
  elseif change.kind == "create" or differs.persisted or differs.value or differs.boot then
    local write = "[ -d /etc/sysctl.d ] || mkdir -m 0755 /etc/sysctl.d || exit 1\n" ..
      place.write(path, { mode = "0644", replaces = "any" })
    steps[#steps + 1] = { run = write, stdin = text_of(key, boot), title = "write " .. path }
  end
  return steps
end

function sysctl.effects(key, change, model)
  local live, boot = live_of(change), boot_of(change)
  local path, text = file_of(key), boot and text_of(key, boot) or nil
  model:set("stat", { path }, text and look.predicted("file", {}, "0644"))
  model:set("content", { path }, text)
  model:set("sha256", { path }, text and crypto.sha256(text))
  if live then model:set("sysctl", { key }, live) end
end

return sysctl
