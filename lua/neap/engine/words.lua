--- The words of a playbook, for one host.
--     host, site, hosts "pattern"        who, with which variables
--     on "pattern" { "component", … }    what runs where; component "name", include "file.lua"
--     file "/x" { … }, absent.file "/x"  every resource type
--     template "/x" { source=, vars= }   a file with rendered content; render("source", vars) the text alone
--     secret "name", read_file "path"    declared inputs
--     rolling { … }                      a few hosts at a time
--     note "text"                        said to the operator
--     managed_only()                     what the playbook no longer has goes
local Declarations = require "neap.engine.declare"
local fault = require "neap.engine.fault"
local files = require "neap.engine.files"
local frozen = require "neap.engine.frozen"
local helpers = require "neap.engine.helpers"
local hosts = require "neap.engine.hosts"
local near = require "neap.near"
local references = require "neap.engine.references"
local rolling = require "neap.engine.rolling_words"
local sandbox = require "neap.engine.sandbox"
local template = require "neap.template"

local words = {}

local function read(run, name)
  local bytes, cleaned = files.read(run.project, name, sandbox.where())
  run.inputs[cleaned] = true
  return bytes, cleaned
end

--- A Lua file of the project as a function, in this host's environment.
function words.chunk(run, name)
  local text, cleaned = read(run, name)
  local chunks = run.project.chunks
  chunks[cleaned] = chunks[cleaned] or sandbox.compile(text, cleaned)
  return sandbox.instance(chunks[cleaned], run.env)
end

-- A word that is only half said ("on 'web'" without what to do) is found at the end.
local function open_word(run, message)
  local open = { where = sandbox.where(), message = message }
  run.open[#run.open + 1] = open
  return open
end

local function component_file(run, name)
  if type(name) ~= "string" then
    fault.raise("playbook", sandbox.where(), "a component is named by a string, not by a %s", type(name))
  end
  local path = run.project.dir .. name .. ".lua"
  local bytes, _, code = files.try(run.project, path)
  if not bytes and code == "notfound" then
    fault.raise("playbook", sandbox.where(), "no component '%s': there is no file '%s'%s", name, path,
      near.hint(name, words.component_names(run.project)))
  end
  return path
end

--- Names of the files beside the playbook that may be components.
function words.component_names(project)
  local sys, names = require "neap.core.sys", {}
  local playbook = project.playbook:match("[^/]*$")
  for _, file in ipairs(sys.list_dir(project.root .. "/" .. project.dir) or {}) do
    local name = file:match("^(.*)%.lua$")
    if name and file ~= playbook and name ~= "defaults" and name ~= "inventory" then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

-- Runs a component, once a host however often it is named.
local function run_component(run, name)
  local path = component_file(run, name)
  if run.ran[path] then return end
  run.ran[path] = true
  run.components[#run.components + 1] = name
  local fn = words.chunk(run, path)()
  if type(fn) ~= "function" then
    fault.raise("playbook", path, "a component returns a function: return function(host, site) … end")
  end
  local outer = run.component
  run.component = name
  fn(run.host, run.site)
  run.component = outer
end

local function do_body(run, body)
  if type(body) == "function" then return body(run.host, run.site) end
  if type(body) == "string" then return run_component(run, body) end
  for _, name in ipairs(body) do run_component(run, name) end
end

-- on "web" { "nginx" }, on "web" (function(host, site) … end)
local function on(run)
  return function(pattern, ...)
    local chosen = hosts.matches(run, pattern)
    local open = open_word(run, ("on '%s' is not told what to do: on \"%s\" { \"component\" }"):format(pattern,
      pattern))
    local function body_of(body)
      if type(body) ~= "table" and type(body) ~= "function" and type(body) ~= "string" then
        fault.raise("playbook", sandbox.where(), "on '%s' wants a list of components or a function, got %s", pattern,
          type(body))
      end
      open.closed = true
      if chosen then do_body(run, body) end
    end
    if select("#", ...) > 0 then return body_of(...) end
    return body_of
  end
end

local function compiled(run, source)
  if type(source) ~= "string" then
    fault.raise("playbook", sandbox.where(), "a template is named by a string, not by a %s", type(source))
  end
  local text, name = read(run, "templates/" .. source)
  local cache = run.project.templates
  cache[name] = cache[name] or template.compile(text, name)
  return cache[name]
end

local render

local function template_words(run, vars)
  local list = { host = run.host, site = run.site, hosts = run.env.hosts, secret = run.env.secret }
  for name, fn in pairs(helpers) do list[name] = fn end
  list.include = function(source, more)
    local inner = {}
    for _, name in ipairs(frozen.keys(vars)) do inner[name] = vars[name] end
    for _, name in ipairs(frozen.keys(more or {})) do inner[name] = more[name] end
    return render(run, source, inner)
  end
  return list
end

render = function(run, source, vars)
  if vars ~= nil and type(vars) ~= "table" then
    fault.raise("playbook", sandbox.where(), "template '%s': vars is a table, not a %s", source, type(vars))
  end
  run.depth = run.depth + 1
  if run.depth > 20 then fault.raise("playbook", sandbox.where(), "template '%s' includes itself", source) end
  vars = vars or {}
  local text = template.render(compiled(run, source), vars, template_words(run, vars))
  run.depth = run.depth - 1
  return text
end

-- template "/x" { source = …, vars = … } is file "/x" { content = <rendered> }.
local function template_word(run)
  return function(key, ...)
    local open = open_word(run, ("template '%s' is not told its source: template \"%s\" { source = \"…\" }"):format(
      tostring(key), tostring(key)))
    local ref = run.declarations:add(run.project.types:get("file"), key, false)
    run.declarations:transform(ref, function(given, where)
      open.closed = true
      local source, attrs = given.source, {}
      if source == nil then fault.raise("playbook", where, "template '%s' is not told its source", tostring(key)) end
      for _, name in ipairs(frozen.keys(given)) do attrs[name] = given[name] end
      if attrs.content ~= nil then
        fault.raise("playbook", where, "template '%s' has both 'source' and 'content'", tostring(key))
      end
      attrs.source, attrs.vars = nil, nil
      attrs.content = render(run, source, given.vars)
      return attrs
    end)
    return references.given(ref, ...)
  end
end

local function absent_words(run)
  return setmetatable({}, {
    __metatable = "absent",
    __index = function(_, name)
      local rtype = run.project.types:get(name == "template" and "file" or name)
      if rtype then return run.declarations:word(rtype, true) end
      fault.raise("playbook", sandbox.where(), "no resource type '%s'%s", tostring(name),
        near.hint(tostring(name), run.project.types:names()))
    end,
  })
end

local function include(run)
  return function(name)
    local path = type(name) == "string" and run.project.dir .. name or name
    if run.included[path] == nil then run.included[path] = table.pack(words.chunk(run, path)()) end
    return table.unpack(run.included[path], 1, run.included[path].n)
  end
end

-- rolling { serial = …, max_fail = …, on_failure = …, drain = …, enable = … }
local function rolling_word(run)
  return function(given)
    local function names_of(pattern)
      local names = {}
      for i, one in ipairs(hosts.list(run, pattern)) do names[i] = one.name end
      return names
    end
    run.rolling = run.rolling or {}
    local wrong = type(given) ~= "table" and "rolling wants a table" or
      rolling.read(frozen.copy(given), run.rolling, names_of)
    if wrong then fault.raise("playbook", sandbox.where(), "%s", wrong) end
  end
end

local function vocabulary(run)
  local project = run.project
  local list = {
    host = run.host, site = run.site, on = on(run), absent = absent_words(run), template = template_word(run),
    include = include(run), rolling = rolling_word(run),
    component = function(name) return run_component(run, name) end,
    hosts = function(pattern) return hosts.list(run, pattern) end,
    secret = function(name) return project.secrets:get(name, sandbox.where()) end,
    read_file = function(name) return (read(run, name)) end,
    render = function(source, vars) return render(run, source, vars) end,
    managed_only = function() run.managed_only = true end,
    note = function(text)
      if run.opts.note then run.opts.note(tostring(sandbox.text(text)), sandbox.where()) end
    end,
  }
  for name, fn in pairs(helpers) do list[name] = fn end
  return list
end

local function declarations_of(run)
  local project = run.project
  return Declarations.new {
    types = project.types, host = run.entry.name, where = sandbox.where,
    component = function() return run.component end,
    text_of = function(path) return project.files[path] end,
    host_names = function() return project.inventory.by_name end,
    read_input = function(name) return (read(run, name)) end,
  }
end

--- What one evaluation knows.
-- @param variables_of function(project, entry) -> merged variables
function words.new(project, entry, opts, variables_of)
  local run = {
    project = project, entry = entry, opts = opts, variables_of = variables_of, inputs = {}, open = {}, ran = {},
    components = {}, included = {}, proxies = {}, depth = 0,
  }
  if files.try(project, project.dir .. "defaults.lua") then run.inputs[project.dir .. "defaults.lua"] = true end
  run.declarations = declarations_of(run)
  run.host = hosts.one(run, entry)
  run.site = run.host.vars
  run.env = sandbox.environment(vocabulary(run), {
    where = sandbox.where,
    names = function() return project.types:names() end,
    resolve = function(name)
      local rtype = project.types:get(name)
      local word = rtype and run.declarations:word(rtype, false)
      if word then rawset(run.env, name, word) end
      return word
    end,
  })
  return run
end

return words
