--- A playbook evaluated for one host: from words to the desired state.
-- Pure: the same playbook, inventory, facts and secrets give the same resources in the same order. What it reads is
-- declared, and recorded in `inputs`.
--
--     site.lua ── on "web" { "nginx" } ──▶ nginx.lua ── file "/etc/…" { … } ──▶ declarations ──▶ resources, in order
local fault = require "neap.engine.fault"
local files = require "neap.engine.files"
local order = require "neap.engine.order"
local sandbox = require "neap.engine.sandbox"
local Secrets = require "neap.engine.secrets"
local Types = require "neap.engine.types"
local variables = require "neap.engine.variables"
local words = require "neap.engine.words"

local evaluate = {}

--- Default variables: the text of a `defaults.lua`, evaluated.
function evaluate.defaults(text, path)
  local env = sandbox.environment({}, { where = sandbox.where })
  local vars = sandbox.run(nil, sandbox.load(text, path, env))
  if type(vars) ~= "table" then fault.raise("playbook", path, "defaults.lua returns a table of variables") end
  return vars
end

local function read_defaults(project)
  local path = project.dir .. "defaults.lua"
  local text = files.read_if_there(project, path)
  return text and evaluate.defaults(text, path) or {}
end

--- Opens a playbook for evaluation over an inventory.
-- Paths in it are taken from the project's folder: the one above `playbooks/` where the playbook lies in a folder of
-- that name, its own otherwise.
-- @param inventory what inventory.load returned
-- @param opts secrets = path|nil, extra = { [name] = text }, placeholder = made-up secrets (for lint)
function evaluate.project(playbook, inventory, opts)
  opts = opts or {}
  local project = files.project(playbook)
  project.inventory, project.extra = inventory, opts.extra or {}
  local dir = project.root .. "/" .. project.dir
  project.secrets = Secrets.open { path = opts.secrets, dir = dir, placeholder = opts.placeholder }
  project.types = Types.new(project.root .. "/" .. project.dir .. "types")
  project.variables, project.variables_read = {}, {}
  project.chunks, project.templates, project.chosen = {}, {}, {}
  -- Compiled now, so that a playbook that is no Lua is refused before any host is asked.
  project.chunks[project.playbook] = sandbox.compile(files.read(project, project.playbook), project.playbook)
  project.defaults = read_defaults(project)
  return project
end

--- The merged variables of an inventory's host, and where each came from: { ["app.port"] = label }.
function evaluate.variables(project, host)
  local made = project.variables[host.name]
  if not made then
    local layers = { { label = project.dir .. "defaults.lua", vars = project.defaults } }
    local own = project.inventory:layers(host)
    table.move(own, 1, #own, 2, layers)
    made = {}
    made.vars, made.origins = variables.merge(layers)
    variables.extra(made.vars, made.origins, project.extra)
    project.variables[host.name] = made
  end
  return made.vars, made.origins
end

local function check_open_words(run)
  for _, open in ipairs(run.open) do
    if not open.closed then fault.raise("playbook", open.where, "%s", open.message) end
  end
end

-- What would declare nothing, so that all that was applied would look abandoned.
local function check_returned(given, path)
  if type(given) == "function" then
    fault.raise("playbook", path, "it returns a function, as a component does, and not a playbook: name it in one: "
      .. "on \"all\" { \"%s\" }", path:match("([^/]*)%.lua$") or path)
  elseif type(given) == "table" and type(rawget(given, "hosts")) == "table" then
    fault.raise("playbook", path, "it returns hosts, as an inventory does (-i), and is no playbook")
  end
end

local function run_playbook(run)
  check_returned(words.chunk(run, run.project.playbook)(), run.project.playbook)
  check_open_words(run)
end

local function inputs_of(run)
  local inputs = {}
  for path in pairs(run.inputs) do inputs[path] = run.project.files[path] end
  return inputs
end

--- The desired state of one host.
-- @param host entry of the inventory
-- @param opts facts = table; ask = function(kind, ...) -> answer (may yield); note = function(text, where);
--   candidate = function(names) -> name, in place of asking for packages (for lint);
--   faults = list: mistakes are put there instead of the first being raised; limits (see sandbox.run)
-- @return { host=, list = resources in order, by_id=, inputs = { [path] = bytes }, components = { names },
--   managed_only = true where the playbook says so }
function evaluate.host(project, host, opts)
  opts = opts or {}
  local run = words.new(project, host, opts, evaluate.variables)
  local faults = opts.faults or {}
  local before = #faults
  local ok, problem = pcall(sandbox.run, opts.limits, run_playbook, run)
  if not ok and not (opts.faults and fault.is(problem)) then error(problem, 0) end
  if not ok then faults[#faults + 1] = problem end
  local list, by_id = run.declarations:finish(faults) -- the playbook has ended: nothing of it runs in here
  local desired = {
    host = host, list = list, by_id = by_id, inputs = inputs_of(run), components = run.components,
    rolling = run.rolling,
    managed_only = run.managed_only,
  }
  if #faults > before then
    if not opts.faults then error(faults[before + 1], 0) end
    return desired
  end
  desired.list = order.sort(list)
  return desired
end

return evaluate
