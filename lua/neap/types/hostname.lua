--- The name of the host: in the running kernel and in /etc/hostname.
-- @usage hostname(host.name)
local crypto = require "neap.core.crypto"
local look = require "neap.look"
local place = require "neap.place"
local sh = require "neap.sh"

local hostname = {
  name = "hostname", key = "name",
  attributes = {
    live = { type = "string", readonly = true, doc = "The name that the running kernel has." },
    static = { type = "string", readonly = true, doc = "The name that /etc/hostname gives at boot." },
  },
}

function hostname.check_key(key)
  if not key:find("^%w[%w.-]*$") or key:find("..", 1, true) or #key > 64 then
    error(("'%s' is no name of a host: letters, digits, '-' and '.', at most 64"):format(key), 0)
  end
  return key
end

function hostname.check(key, attrs)
  attrs.live, attrs.static = key, key
  return attrs
end

--- A host has one name: the key of the resource that has given it.
function hostname.only(state) return state.static end

function hostname.depends() return { "file:/etc/hostname" } end
function hostname.paths() return { "/etc/hostname" } end

function hostname.probe(host)
  host:expect("content", "/etc/hostname")
  local live = host:sysctl("kernel.hostname")
  local static = (host:content("/etc/hostname") or ""):gsub("#[^\n]*", ""):match("%S+")
  return { live = live, static = static or "" }
end

function hostname.steps(_, change)
  if change.kind == "delete" then look.fail("a host always has a name: declare another instead") end
  local steps, to, differs = {}, change.to, change.differs
  if differs.static then
    local script = place.write("/etc/hostname", { replaces = "any", like = "0644" })
    steps[1] = { run = script, stdin = to.static .. "\n", title = "write /etc/hostname" }
  end
  if differs.live then steps[#steps + 1] = { run = sh("hostname %s", to.live), title = "name the host " .. to.live } end
  return steps
end

function hostname.effects(_, change, model)
  if not change.to then return end
  model:set("sysctl", { "kernel.hostname" }, change.to.live)
  local text = change.to.static .. "\n"
  model:set("content", { "/etc/hostname" }, text)
  model:set("sha256", { "/etc/hostname" }, crypto.sha256(text))
end

return hostname
