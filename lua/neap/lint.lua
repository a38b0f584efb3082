--- Everything about a playbook that can be found without a host.
-- The playbook is evaluated for every host of the inventory, with made-up facts and secrets, once for each answer that
-- the question for a package may have; all mistakes are gathered. What nothing uses is warned of.
local evaluate = require "neap.engine.evaluate"
local fault = require "neap.engine.fault"
local files = require "neap.engine.files"
local inventory = require "neap.inventory"
local sandbox = require "neap.engine.sandbox"
local sys = require "neap.core.sys"
local waits = require "neap.engine.waits"
local words = require "neap.engine.words"

local lint = {}

-- Facts of a host that has not been asked: a plain one.
local FACTS = {
  os_id = "debian", os_version = "12", os_codename = "bookworm", os_name = "Debian GNU/Linux 12 (bookworm)",
  os_like = "debian", system = "Linux", hostname = "host", kernel = "6.1.0", machine = "x86_64", arch = "amd64",
  machine_id = ("0"):rep(32), memory_kb = 4000000, cpus = 2, addresses = {}, interfaces = {}, init = "systemd",
  packages = "dpkg", uid = 0,
}

local function first(names) return names[1] end
local function last(names) return names[#names] end

local Findings = {}
Findings.__index = Findings

-- Equal findings of many hosts are one.
function Findings:add(severity, problem, host)
  if not fault.is(problem) then problem = fault.new("internal", nil, "%s", tostring(problem)) end
  local key = severity .. tostring(problem)
  local found = self.by_key[key]
  if not found then
    found = { severity = severity, where = problem.where, message = problem.message, hosts = {} }
    self.by_key[key] = found
    self[#self + 1] = found
  end
  for _, name in ipairs(found.hosts) do
    if name == host then return end
  end
  found.hosts[#found.hosts + 1] = host
end

local function facts_of(host)
  local facts = {}
  for name, fact in pairs(FACTS) do facts[name] = fact end
  facts.hostname, facts.addresses, facts.interfaces = host.name, { host.address }, { eth0 = { host.address } }
  return facts
end

-- Evaluates one host; mistakes go to the findings.
local function try(project, host, choose, findings)
  local faults = {}
  local ok, desired = pcall(evaluate.host, project, host,
    { facts = facts_of(host), candidate = choose, faults = faults })
  if not ok then findings:add("error", desired, host.name) end
  for _, problem in ipairs(faults) do findings:add("error", problem, host.name) end
  return ok and #faults == 0 and desired or nil
end

local function evaluate_all(project, hosts, choose, findings, used)
  local desireds = {}
  for _, host in ipairs(hosts) do
    local desired = try(project, host, choose, findings)
    desireds[#desireds + 1] = desired
    for path in pairs(desired and desired.inputs or {}) do used[path] = true end
  end
  if #desireds == #hosts then
    for _, problem in ipairs(waits.check(desireds)) do findings:add("error", problem) end
  end
  return #desireds == #hosts
end

local function each_file(project, dir, fn)
  for _, name in ipairs(sys.list_dir(project.root .. "/" .. dir) or {}) do
    local path = dir == "" and name or dir .. "/" .. name
    local st = sys.stat(project.root .. "/" .. path)
    if st and st.kind == "directory" then
      each_file(project, path, fn)
    elseif not name:find("^%.") and not name:find("~$") then
      fn(path)
    end
  end
end

local function check_unused(project, used, findings)
  local function unused(path, what)
    findings:add("warning", fault.new("playbook", path, "no host uses this %s", what))
  end
  each_file(project, "templates", function(path)
    if not used[path] then unused(path, "template") end
  end)
  for _, name in ipairs(words.component_names(project)) do
    local path = project.dir .. name .. ".lua"
    local text = not used[path] and files.try(project, path)
    if text and ("\n" .. text):find("\nreturn function") then unused(path, "component") end
  end
end

-- Files that no host reached must be Lua all the same.
local function check_syntax(project, used, findings)
  for _, name in ipairs(words.component_names(project)) do
    local path = project.dir .. name .. ".lua"
    local text = not used[path] and files.try(project, path)
    local ok, problem = pcall(sandbox.load, text or "", path, {})
    if not ok then findings:add("error", problem) end
  end
end

-- Variables that say how a host is reached, which playbooks do not read.
local function is_setting(name) return name:find("^ssh_%a") or name:find("^become") or name:find("^ansible_") end

local function check_variables(project, hosts, findings)
  local seen = {}
  for _, host in ipairs(hosts) do
    for path, origin in pairs(host.origins) do
      local name = path:match("^[^.]+")
      if not project.variables_read[name] and not seen[name] and not is_setting(name) then
        seen[name] = true
        findings:add("warning", fault.new("inventory", (origin:gsub(": .*$", "")),
          "variable '%s' is set (%s), but nothing reads it", name, origin))
      end
    end
  end
end

local function check_types(project, findings)
  for _, name in ipairs(project.types:names()) do
    local ok, problem = pcall(project.types.get, project.types, name)
    if not ok then findings:add("error", problem) end
  end
end

local function order(a, b)
  if a.severity ~= b.severity then return a.severity == "error" end
  local file_a, line_a = tostring(a.where):match("^(.-):?(%d*)$")
  local file_b, line_b = tostring(b.where):match("^(.-):?(%d*)$")
  if file_a ~= file_b then return file_a < file_b end
  if line_a ~= line_b then return (tonumber(line_a) or 0) < (tonumber(line_b) or 0) end
  return a.message < b.message
end

--- Checks a playbook.
-- @param opts playbook, inventory (list or nil), limit, extra, secrets
-- @return findings { { severity = "error"|"warning", where=, message=, hosts = { names } } }, errors first;
--   { hosts=, files= } counts. Raises a fault where inventory or playbook cannot be read at all.
function lint.check(opts)
  local findings = setmetatable({ by_key = {} }, Findings)
  local model = inventory.load(inventory.paths(opts),
    { extra = opts.extra, secrets = opts.secrets, placeholder = true })
  local hosts = inventory.select(model, opts.limit)
  for _, warning in ipairs(model.warnings) do findings:add("warning", warning) end
  local project = evaluate.project(opts.playbook, model,
    { secrets = opts.secrets, extra = opts.extra, placeholder = true })
  local used = {}
  check_types(project, findings)
  local whole = evaluate_all(project, hosts, first, findings, used)
  whole = evaluate_all(project, hosts, last, findings, used) and whole
  check_syntax(project, used, findings)
  if whole and not opts.limit then
    check_unused(project, used, findings)
    check_variables(project, hosts, findings)
  end
  table.sort(findings, order)
  local count = 0
  for _ in pairs(used) do count = count + 1 end
  return findings, { hosts = #hosts, files = count }
end

return lint
