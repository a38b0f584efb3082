--- Hosts as a playbook sees them: names, addresses, variables; of the host that it is evaluated for, also facts.
local fault = require "neap.engine.fault"
local frozen = require "neap.engine.frozen"
local limit = require "neap.inventory.limit"
local sandbox = require "neap.engine.sandbox"

local hosts = {}

local function vars_of(run, entry)
  return frozen.table(run.variables_of(run.project, entry), {
    label = "variable", path = "", where = sandbox.where,
    on_read = function(name) run.project.variables_read[name] = true end,
  })
end

local function facts_of(run, entry)
  if entry ~= run.entry then
    fault.raise("playbook", sandbox.where(), "the facts of host '%s' are known only where it is evaluated itself",
      entry.name)
  end
  local facts = run.opts.facts or entry.facts
  if not facts then fault.raise("playbook", sandbox.where(), "the facts of host '%s' are not known", entry.name) end
  return frozen.table(facts, { label = "fact", path = "", where = sandbox.where })
end

-- The first of `names` that the host's package source offers.
local function package_candidate(run, names, default)
  if type(names) == "string" then names = { names } end
  if run.opts.candidate then return run.opts.candidate(frozen.copy(names)) end
  if not run.opts.ask then
    fault.raise("playbook", sandbox.where(), "host '%s' cannot be asked for packages here", run.entry.name)
  end
  names = frozen.copy(names)
  local found = sandbox.outside(run.opts.ask, "installed", table.unpack(names))
    or sandbox.outside(run.opts.ask, "candidate", table.unpack(names))
  if found then return found end
  if default ~= nil then return default end
  fault.raise("playbook", sandbox.where(), "host '%s' is offered none of the packages '%s'", run.entry.name,
    table.concat(names, "', '"))
end

local function methods_of(run, entry)
  return {
    in_group = function(_, name)
      if not run.project.inventory.groups[name] then limit.select(run.project.inventory, name, hosts.faults()) end
      return entry.in_group[name] or false
    end,
    package_candidate = function(_, names, default)
      if entry ~= run.entry then
        fault.raise("playbook", sandbox.where(), "only the host that is evaluated can be asked for packages")
      end
      return package_candidate(run, names, default)
    end,
  }
end

--- How a pattern in a playbook complains.
function hosts.faults() return { code = "playbook", where = sandbox.where() } end

--- One host of the inventory, as a playbook sees it.
function hosts.one(run, entry)
  local made = run.proxies[entry]
  if made then return made end
  made = frozen.table({ name = entry.name, address = entry.address, groups = entry.groups }, {
    label = "host", path = "", where = sandbox.where, text = entry.name, methods = methods_of(run, entry),
    lazy = {
      vars = function() return vars_of(run, entry) end,
      facts = function() return facts_of(run, entry) end,
    },
  })
  run.proxies[entry] = made
  return made
end

-- The entries that a pattern chooses, which are the same for every host.
local function chosen(run, pattern)
  local known = pattern ~= nil and run.project.chosen[pattern]
  if known then return known end
  local list = limit.select(run.project.inventory, pattern, hosts.faults())
  local set = { list = list }
  for _, entry in ipairs(list) do set[entry] = true end
  run.project.chosen[pattern] = set
  return set
end

--- hosts "pattern": a list of them.
function hosts.list(run, pattern)
  local list = {}
  for i, entry in ipairs(chosen(run, pattern).list) do list[i] = hosts.one(run, entry) end
  return list
end

--- Whether `pattern` chooses the host that is evaluated.
function hosts.matches(run, pattern) return chosen(run, pattern)[run.entry] or false end

return hosts
