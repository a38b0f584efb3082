--- Which attributes of a resource are secrets although nothing that is wanted says so: they stand sealed in the
-- record. So a file that goes, or that the playbook has in clear from now on, does not show what it held. The
-- repository is opened when something that was found is first to be changed.
local json = require "neap.core.json"
local entry_of = require "neap.engine.entry"
local project = require "neap.engine.project"

local veiled = {}

local function store_of(self)
  if self.veil == nil then
    local st = project.open(self.opts)
    self.veil = st and { st = st, head = st:head() } or false
  end
  return self.veil and self.veil.head and self.veil
end

local function is_sealed(value) return type(value) == "table" and (value.sealed or value.sealed_in) ~= nil end

--- @param self the session
-- @return function(resource) -> set of names, or nil where there are none (see plan.host)
function veiled.of(self, host)
  return function(resource)
    local kept = store_of(self)
    local path = entry_of.path(resource.type, resource.key)
    local text = kept and kept.st:read(kept.head, "hosts/" .. host .. "/" .. path)
    local entry = text and json.decode(text)
    local names
    for name, value in pairs(entry_of.is(entry) and type(entry.state) == "table" and entry.state or {}) do
      if is_sealed(value) then
        names = names or {}
        names[name] = true
      end
    end
    return names
  end
end

return veiled
