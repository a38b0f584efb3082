--- A command, where no other type fits.
-- It says how to tell that it is done: `creates` names a path that is there then, `unless` is a command that
-- succeeds then. Without either it runs only when something that it watches has changed (`run_on`). `undo` is what
-- takes it back.
-- @usage command "schema" { run = "app migrate", unless = "app migrate --check", user = "app", cwd = "/srv/app" }
-- @usage command "dh parameters" { run = "openssl dhparam -out /etc/ssl/dh.pem 2048", creates = "/etc/ssl/dh.pem" }
-- @usage command "newaliases" { run = "newaliases", run_on = file "/etc/aliases" }
local look = require "neap.look"
local place = require "neap.place"
local names = require "neap.user_names"
local sh = require "neap.sh"
local taint = require "neap.core.taint"

local function is_kept(env)
  for _, value in pairs(env) do
    if type(value) ~= "string" and not taint.is(value) then return false end
  end
  return true
end

-- Also with a slash at its end, which `check` drops.
local function is_folder(path)
  return path == "/" or type(path) == "string" and place.is_path((path:gsub("/$", "")))
end

local command = {
  name = "command", key = "name", triggers = { "run" }, barrier = true,
  attributes = {
    run = { type = "string", required = true, always = true, doc = "The command, for sh." },
    unless = { type = "string",
      doc = "A command that only looks, and succeeds when there is nothing to do." },
    creates = { type = "string", kept = place.is_path, doc = "A path that is there when there is nothing to do." },
    undo = { type = "string", doc = "The command that takes it back." },
    cwd = { type = "string", kept = is_folder, doc = "The directory to run in." },
    user = { type = "string", doc = "The user to run as." },
    env = { type = "map", option = true, kept = is_kept,
      doc = "Environment of `run` and `undo`; values may be secrets." },
    timeout = { type = "integer", option = true, doc = "Seconds after which it is given up." },
  },
}

local function check_env(env)
  for name, value in pairs(env or {}) do
    if not name:find("^[%a_][%w_]*$") then error(("'%s' is no name of an environment variable"):format(name), 0) end
    if math.type(value) == "integer" then
      env[name] = tostring(value)
    elseif type(value) ~= "string" and not taint.is(value) or taint.reveal(value):find("%z") then
      error(("env.%s wants a string"):format(name), 0)
    end
  end
end

function command.check(_, attrs, meta)
  check_env(attrs.env)
  for _, name in ipairs { "run", "unless", "undo" } do
    if taint.is(attrs[name]) then
      error(("'%s' is seen by everybody on the host: give secrets by env"):format(name), 0)
    end
  end
  if attrs.creates then place.check(attrs.creates) end
  if attrs.cwd and attrs.cwd ~= "/" then attrs.cwd = place.check((attrs.cwd:gsub("/$", ""))) end
  if attrs.user then names.check(attrs.user) end
  if not attrs.unless and not attrs.creates and meta and not (meta.run_on and meta.run_on[1]) then
    error("say when there is nothing to do, by unless or creates, or what makes it run, by run_on", 0)
  end
  return attrs
end

--- What its label stands for is what it creates: of what another command has done, none can say whether it is still so.
function command.denotes(_, attrs) return attrs.creates end

function command.depends(_, attrs)
  local ids = {}
  if attrs.user then ids[1] = "user:" .. attrs.user end
  if attrs.cwd and attrs.cwd ~= "/" then
    ids[#ids + 1] = "directory:" .. attrs.cwd
    table.move(look.depends(attrs.cwd, {}), 1, 99, #ids + 1, ids)
  end
  return ids
end

--- `text` as it is to be run: there, and by that user.
local function script_of(attrs, text)
  if attrs.user then text = sh("exec su -s /bin/sh %s -c %s", attrs.user, text) end
  if attrs.cwd then text = sh("cd -- %s || exit 1\n", attrs.cwd) .. text end
  return text
end

-- Of one that was not done there is no record by which it could be told.
local function can_tell(attrs) return attrs ~= nil and (attrs.run or attrs.creates or attrs.unless) ~= nil end

function command.probe(host, _, want, attrs)
  if not want and not can_tell(attrs) then return nil end
  attrs = want or attrs
  local done = true
  if attrs.creates then done = host:stat(attrs.creates) ~= nil end
  if done and attrs.unless then done = look.succeeds(host, script_of(attrs, attrs.unless)) end
  if not done then return nil end
  local found = {}
  for name, value in pairs(attrs) do found[name] = value end
  return found
end

local function quoted(value) return "'" .. value:gsub("'", "'\\''") .. "'" end

--- The environment as shell text: by standard input, since the arguments of a process are there for all to see.
local function environment(env)
  local order, lines, secret = {}, {}, false
  for name in pairs(env) do order[#order + 1] = name end
  table.sort(order)
  for i, name in ipairs(order) do
    secret = secret or taint.is(env[name])
    lines[i] = ("%s=%s; export %s\n"):format(name, quoted(taint.reveal(env[name])), name)
  end
  local text = table.concat(lines)
  return secret and taint.wrap(text, "environment") or text
end

local function step(key, attrs, text)
  local made = { run = script_of(attrs, text), title = key, timeout_ms = attrs.timeout and attrs.timeout * 1000 }
  if attrs.env and next(attrs.env) then
    made.run = ". /dev/stdin || exit 1\nexec </dev/null\n" .. made.run
    made.stdin = environment(attrs.env)
  end
  return made
end

function command.steps(key, change)
  if change.kind == "delete" then
    local from = change.from
    return from.undo and { step("undo " .. key, from, from.undo) } or {}
  end
  if change.kind == "update" and not change.trigger then return {} end
  return { step(key, change.to, change.to.run) }
end

function command.effects(_, change, model)
  local attrs = change.to or change.from
  if attrs.creates then
    model:set("stat", { attrs.creates }, change.to and look.predicted("file", {}, "0644") or nil)
  end
end

--- What a command has done is undone by its undo, and by nothing else.
local function way_back(_, _, change)
  if change.kind ~= "delete" or change.from.undo then return nil end
  return { stays = "what it did stays", barrier = "it has no undo: what it did stays" }
end

command.rollback = { look = way_back }

return command
