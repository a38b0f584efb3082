--- Runs cases of resource types on a local host: plan, apply, what a shell sees, plan again.
-- A case: { name, setup script, resources, look script, what it prints, error = pattern of the error }.
-- Resources: { type = { key, attrs } } for one, or a list of { type, key, attrs, absent = bool }; a key
-- that is a path and does not begin with a slash lies below the scratch directory.
local Host = require "local_host"
local ask = require "neap.engine.ask"
local difference = require "neap.engine.difference"
local fault = require "neap.engine.fault"
local kept = require "neap.kept"
local plan = require "neap.engine.plan"
local schema = require "neap.engine.schema"
local t = require "harness"

local run = {}

local paths = { file = true, directory = true, symlink = true }

local function resource_of(host, entry, index)
  local type_name, key, attrs = entry[1], entry[2], entry[3] or {}
  local rtype = require("neap.types." .. type_name)
  if paths[type_name] and key:sub(1, 1) ~= "/" then key = host.dir .. "/" .. key end
  local copy = {}
  for name, value in pairs(attrs) do
    if type(value) == "string" then value = value:gsub("^@", host.dir .. "/") end
    copy[name] = value
  end
  if not entry.absent then
    for name, spec in pairs(rtype.attributes) do
      if copy[name] == nil and type(spec) == "table" then copy[name] = spec.default end
    end
    if rtype.check then copy = rtype.check(key, copy, { run_on = entry.run_on }) or copy end
  end
  return {
    type = type_name, rtype = rtype, key = key, id = type_name .. ":" .. key, absent = entry.absent or false,
    attrs = copy, meta = { run_on = entry.run_on }, where = "case:" .. index, index = index,
  }
end

local function desired_of(host, wanted)
  local entries, list, keys = wanted, {}, {}
  if not wanted[1] then
    local type_name, pair = next(wanted)
    entries = { { type_name, pair[1], pair[2] } }
  end
  for i, entry in ipairs(entries) do
    list[i] = resource_of(host, entry, i)
    keys[i] = list[i].key
  end
  for _, resource in ipairs(list) do
    if resource.rtype.adopt then resource.rtype.adopt(resource.key, resource.attrs, keys) end
  end
  return { list = list }
end

local function plan_of(host, desired)
  local made = plan.host(ask.new(host, {}), desired)
  if made.errors[1] then error(made.errors[1], 0) end
  return made
end

-- What a probe finds is recorded, and read again only where each attribute is what its type says.
local function as_declared(resource, found)
  for name, value in pairs(found or {}) do
    local spec = resource.rtype.attributes[name]
    local ok, problem = true, nil
    if type(spec) == "table" then ok, problem = schema.holds(spec, value) end
    if not ok then error(("%s was found with a '%s' that %s"):format(resource.id, name, problem), 0) end
  end
end

local function apply(host, made)
  for _, change in ipairs(made.changes) do
    assert(change.kind ~= "unknown", change.unknown)
    local round = ask.new(host, {})
    local job = plan.probe(round, { change.resource })[1]
    if job.error then error(job.error, 0) end
    as_declared(change.resource, job.found)
    local names = plan.wanted(change.resource) or change.from
    if not difference.same_state(change.resource.rtype, job.found, change.from, names) then
      error(change.id .. " is not as the plan saw it: " .. t.show(job.found) .. " and not " .. t.show(change.from), 0)
    end
    for _, step in ipairs(change.resource.rtype.steps(change.resource.key, change, {})) do
      step = type(step) == "table" and step or { run = step }
      local r = host:request { script = step.run, stdin = step.stdin }
      if r.rc ~= 0 then fault.raise(r.rc == 75 and "stale" or "failed", change.id, "%s%s", r.err, r.out) end
    end
  end
end

local function second_plan(host, desired)
  local again = plan_of(host, desired)
  local left = {}
  for i, change in ipairs(again.changes) do
    local names = {}
    for name in pairs(change.differs) do names[#names + 1] = name end
    left[i] = change.kind .. " " .. change.id .. " " .. table.concat(names, ",")
  end
  t.equal(left, {}, "changes of a second plan")
end

local function one(case, shell, private)
  local host <close> = setmetatable(Host.new { shell = shell, private = private }, {
    __index = Host, __close = Host.close,
  })
  kept.DIR = host.top .. "/kept"
  if case[2] ~= "" then host:sh(case[2]) end
  if case.error then
    t.raises(function()
      local desired = desired_of(host, case[3])
      apply(host, plan_of(host, desired))
    end, case.error)
    if case[4] then t.equal(host:sh(case[4]), case[5]) end
    return
  end
  local desired = desired_of(host, case[3])
  local made = plan_of(host, desired)
  t.truthy(#made.changes > 0 or case.nothing, "a change")
  apply(host, made)
  t.equal(host:sh(case[4]), case[5], "what a shell sees")
  if not case.once then second_plan(host, desired) end
end

--- Runs all cases. They take this machine's shells in turn; with NEAP_EVERY_SHELL in the environment each runs under
-- every shell.
-- @param options { private = bool }, see local_host
function run.all(_, cases, options)
  if not Host.is_root() or options and options.private and not Host.can_be_private() then
    io.stdout:write("skipped: needs root and namespaces\n")
    return t.case("skipped", function() end)
  end
  local shells, private, every = Host.shells(), options and options.private, os.getenv "NEAP_EVERY_SHELL"
  for s, shell in ipairs(shells) do
    for i = every and 1 or s, #cases, every and 1 or #shells do
      local case = cases[i]
      t.case(("%s (%s)"):format(case[1], shell), one, case, shell, private)
    end
  end
end

return run
