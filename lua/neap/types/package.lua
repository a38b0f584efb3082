--- A package of the host's distribution (Debian and its kin).
-- All packages that stand together in a playbook are one transaction of apt. The plan resolves and downloads it, and
-- so shows the packages that come with it and knows what they bring; a package that does not exist, or one that
-- nobody asked to remove and would have to go, is an error of the plan. Recommended packages stay out unless asked
-- for. Services of this host that Neap starts are kept from starting until their configuration is in place.
-- @usage package "nginx"
-- @usage package { "haproxy", "keepalived" }
-- @usage package "mariadb-server" { version = "1:10.11*", hold = true }
-- @usage absent.package "apache2"
local apt = require "neap.apt"
local package_back = require "neap.package_back"
local package_plan = require "neap.package_plan"
local sh = require "neap.sh"
local transact = require "neap.transact"

local package = {
  name = "package", key = "name", batch = true,
  attributes = {
    version = { type = "string",
      doc = "The version to have, upgrading or downgrading to it; may end with * for any that begins so." },
    hold = { type = "boolean", doc = "Whether apt is kept from changing it, other than through Neap." },
    recommends = { type = "boolean", option = true, default = false, doc = "Install what it recommends, too." },
  },
}

-- Whether version `found` is one that `wanted` allows.
local function matches(found, wanted)
  if wanted:sub(-1) ~= "*" then return found == wanted end
  return found:sub(1, #wanted - 1) == wanted:sub(1, -2)
end
package.equal = { version = matches }

function package.check(key, attrs)
  if not key:find("^[a-z0-9][a-z0-9+.-]+$") and not key:find("^[a-z0-9][a-z0-9+.-]+:[a-z0-9-]+$") then
    error(("'%s' is no name of a package: small letters, digits, '+', '-' and '.'"):format(key), 0)
  end
  if attrs.version and not attrs.version:find("^[%w.+~:-]+%*?$") then
    error(("'%s' is no version of a package"):format(attrs.version), 0)
  end
  return attrs
end

function package.probe(host, key, want)
  local found = host:package(key)
  if not found or found.status == "config-files" then return nil end
  if want and found.status ~= "installed" then return nil end -- an interrupted installation is to be done again
  return { version = found.version, hold = found.hold }
end

package.simulate = package_plan.simulate

local function titles(groups)
  local words = {}
  for _, group in ipairs(groups) do
    for _, package_ in ipairs(group.install) do words[#words + 1] = package_.name end
    for _, name in ipairs(group.remove) do words[#words + 1] = "-" .. name end
  end
  return "packages: " .. table.concat(words, " ")
end

local function holds(changes)
  local hold, unhold = {}, {}
  for _, change in ipairs(changes) do
    if change.kind ~= "delete" and change.to and change.to.hold ~= nil then
      table.insert(change.to.hold and hold or unhold, change.resource.key)
    end
  end
  local text = ""
  if #hold > 0 then text = text .. "apt-mark hold " .. sh.words(hold) .. ' >"$D/mark.log" 2>&1 8>&-\n' end
  if #unhold > 0 then text = text .. "apt-mark unhold " .. sh.words(unhold) .. ' >"$D/mark.log" 2>&1 8>&-\n' end
  return text
end

--- One step for all changes.
function package.steps_batch(changes, ctx)
  local groups = package_plan.groups(changes)
  local script = apt.PRELUDE .. (#groups > 0 and transact.script(groups, ctx.units or {}) or "") .. holds(changes)
  return { { run = script, title = #groups > 0 and titles(groups) or "package holds", timeout_ms = 3600 * 1000 } }
end

package.rollback = { look = package_back.look, needed = package_back.needed }

return package
