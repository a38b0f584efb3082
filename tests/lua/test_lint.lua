local t = require "harness"
local Secrets = require "neap.engine.secrets"
local doc = require "neap.doc"
local lint = require "neap.lint"
local project = require "project"
local sys = require "neap.core.sys"
local taint = require "neap.core.taint"
local variables = require "neap.engine.variables"
local waits = require "neap.engine.waits"

local INVENTORY = [[
return { vars = { port = 80 }, hosts = {
  web1 = { address = "10.0.0.1", groups = { "web" } }, web2 = { address = "10.0.0.2", groups = { "web" } },
  db1 = { address = "10.0.0.3", groups = { "db" } },
} }
]]

local function findings_of(files, opts)
  files["inventory.lua"] = files["inventory.lua"] or INVENTORY
  local root = project.write(files)
  opts = opts or {}
  opts.playbook = root .. "/playbooks/site.lua"
  local found, lines = lint.check(opts), {}
  for i, finding in ipairs(found) do
    local hosts = #finding.hosts > 0 and " [" .. table.concat(finding.hosts, " ") .. "]" or ""
    lines[i] = ("%s: %s: %s%s"):format(finding.severity, finding.where, finding.message, hosts):gsub(root .. "/", "")
  end
  return lines
end

t.case("a playbook without fault", function()
  t.equal(findings_of {
    ["playbooks/site.lua"] = [[on "web" { "web" }]],
    ["playbooks/web.lua"] = [[return function(host, site)
  template "/etc/x" { source = "x.conf", vars = { port = site.port, key = secret "key", os = host.facts.os_id } }
  file "/etc/flavour" { content = host:package_candidate { "mysql", "mariadb" } }
end]],
    ["templates/x.conf"] = "<%= port %> <%= key %> <%= os %>\n",
  }, {})
end)

t.case("every mistake, on the hosts that have it, in the order of the text", function()
  t.equal(findings_of {
    ["playbooks/site.lua"] = [[on "web" { "web" } on "db" { "db" }]],
    ["playbooks/web.lua"] = [[return function()
  file "/a" { contnet = "x" }
  file "/b" { mode = 0644 }
end]],
    ["playbooks/db.lua"] = [[return function()
  template "/c" { source = "c.conf", vars = { port = 1 } }
end]],
    ["playbooks/spare.lua"] = "return functio() end",
    ["templates/c.conf"] = "ok\n<%= prot %>\n",
  }, {
    "error: playbooks/spare.lua:1: <eof> expected near 'end'",
    "error: playbooks/web.lua:2: file:/a: no attribute 'contnet' (did you mean 'content'?) [web1 web2]",
    "error: playbooks/web.lua:3: file:/b: attribute 'mode' wants a string such as \"0644\" (Lua has no octal numbers), got 644 [web1 web2]",
    "error: templates/c.conf:2: variable 'prot' is not set (did you mean 'port'?) [db1]",
  })
end)

t.case("each package that a host may offer is tried", function()
  t.equal(findings_of {
    ["playbooks/site.lua"] = [[
local name = host:package_candidate { "mysql", "mariadb" }
if name == "mariadb" then file "/x" { moed = "0644" } end
file "/y" { content = tostring(site.port) }]],
  }, { "error: playbooks/site.lua:2: file:/x: no attribute 'moed' (did you mean 'mode'?) [db1 web1 web2]" })
end)

t.case("what nothing uses", function()
  t.equal(findings_of {
    ["playbooks/site.lua"] = [[on "web" { "web" }]], ["playbooks/web.lua"] = "return function() end",
    ["playbooks/left.lua"] = "-- over\nreturn function() end", ["playbooks/lib.lua"] = "return {}",
    ["templates/old/x.conf"] = "x",
  }, {
    "warning: inventory.lua: variable 'port' is set (inventory.lua: vars), but nothing reads it",
    "warning: playbooks/left.lua: no host uses this component",
    "warning: templates/old/x.conf: no host uses this template",
  })
end)

t.case("nothing is called unused where not all hosts were looked at", function()
  t.equal(findings_of({ ["playbooks/site.lua"] = "", ["templates/x"] = "" }, { limit = { "web" } }), {})
end)

t.case("an inventory without hosts", function()
  t.raises(function() findings_of { ["playbooks/site.lua"] = "", ["inventory.lua"] = "return {}" } end, "names no host")
end)

-- { name, what each host declares: "a b<db1:x" is a, then b, which waits for x on db1; error }
local circles = {
  { "no waits", { web1 = "a b", db1 = "x" }, nil },
  { "one way", { web1 = "a b<db1:x", db1 = "w x" }, nil },
  { "one after the other", { web1 = "a<db1:x b", db1 = "x y<web1:a" }, nil },
  { "a circle", { web1 = "a<db1:y b", db1 = "x<web1:b y" }, "circle: .*%(p.lua:1%).* waits before .*%(p.lua:1%)" },
  { "a circle over three", { a = "p<b:q", b = "q<c:r", c = "r<a:p" }, "in a circle" },
  { "what is not declared there", { web1 = "a<db1:xx", db1 = "xxx" }, "a waits for 'xx' on host 'db1', which does not declare it %(did you mean 'xxx'%?%)" },
  { "a host that takes no part", { web1 = "a<db9:x" }, nil },
}
for _, case in ipairs(circles) do
  t.case("waiting: " .. case[1], function()
    local desireds, names = {}, {}
    for name in pairs(case[2]) do names[#names + 1] = name end
    table.sort(names)
    for i, name in ipairs(names) do
      local list = {}
      for word in case[2][name]:gmatch("%S+") do
        local id, host, other = word:match("^(%w+)<?(%w*):?(%w*)$")
        list[#list + 1] = { id = id, where = "p.lua:" .. #list + 1, meta = { wait = host ~= "" and { { host = host, id = other } } or nil } }
      end
      desireds[i] = { host = { name = name }, list = list, by_id = {} }
    end
    local faults = waits.check(desireds)
    if case[3] then
      t.equal(#faults, 1)
      t.matches(faults[1], case[3])
    else
      t.equal(faults, {})
    end
  end)
end

-- { name, layers, merged, origins }
local layers = {
  { "tables are merged name by name", { { app = { port = 1, user = "a" } }, { app = { port = 2 } } },
    { app = { port = 2, user = "a" } }, { ["app.port"] = 2, ["app.user"] = 1 } },
  { "lists replace", { { l = { 1, 2, 3 } }, { l = { 4 } } }, { l = { 4 } }, { l = 2 } },
  { "an empty table replaces", { { m = { a = 1 } }, { m = {} } }, { m = {} }, { m = 2 } },
  { "a value replaces a table", { { m = { a = 1 } }, { m = 5 } }, { m = 5 }, { m = 2 } },
  { "a table replaces a value", { { m = 5 }, { m = { a = 1 } } }, { m = { a = 1 } }, { ["m.a"] = 2 } },
  { "false overrides", { { a = true }, { a = false } }, { a = false }, { a = 2 } },
}
for _, case in ipairs(layers) do
  t.case("variables: " .. case[1], function()
    local list = {}
    for i, vars in ipairs(case[2]) do list[i] = { label = i, vars = vars } end
    local merged, origins = variables.merge(list)
    t.equal(merged, case[3])
    t.equal(origins, case[4])
    t.truthy(merged.app ~= case[2][1].app or case[2][1].app == nil, "layers are left as they were")
  end)
end

-- { name, variables, -e, value or error }
local extras = {
  { "a whole number", { p = 1 }, "p=8080", 8080 }, { "text that looks like one", { p = "1" }, "p=8080", "8080" },
  { "true", { p = false }, "p=true", true }, { "a list", { p = { 1 } }, "p=[2,3]", { 2, 3 } },
  { "something new", {}, "p=x", "x" }, { "no number", { p = 1 }, "p=x", nil, "'p' is a whole number" },
  { "neither true nor false", { p = true }, "p=yes", nil, "'p' is true or false" },
  { "a misspelt name", { port = 1 }, "prot=2", nil, "no variable of that name is set %(did you mean 'port'%?%)" },
  { "a dotted name that is misspelt", { app = { port = 1 } }, "app.prot=2", nil, "did you mean 'app.port'" },
}
for _, case in ipairs(extras) do
  t.case("-e: " .. case[1], function()
    local name, text = case[3]:match("^(.-)=(.*)$")
    if case[5] then
      return t.raises(function() variables.extra(case[2], {}, { [name] = text }) end, case[5])
    end
    variables.extra(case[2], {}, { [name] = text })
    t.equal(case[2][name], case[4])
  end)
end

local function secrets_file(name, text, mode)
  local root = project.write {}
  assert(sys.write_file(root .. "/" .. name, text, mode or 384))
  return Secrets.open { path = root .. "/" .. name }
end

for _, case in ipairs {
  { "s", "# comment\nkey = hunter2\nother='a b'\n" }, { "s.lua", "return { key = 'hunter2', other = 'a b' }" },
  { "s.yml", "key: hunter2\nother: a b\n", needs = "neap.core.yaml" },
} do
  if not case.needs or pcall(require, case.needs) then
    t.case("secrets from " .. case[1], function()
      local secrets = secrets_file(case[1], case[2])
      t.truthy(taint.is(secrets:get "key"), "a tainted value")
      t.equal(taint.reveal(secrets:get "key"), "hunter2")
      t.equal(taint.reveal(secrets:get "other"), "a b")
      t.raises(function() secrets:get("kye", "p.lua:1") end, "^p.lua:1: secret 'kye' is not set %(did you mean 'key'%?%): put it into")
    end)
  end
end

t.case("secrets that others may read are refused", function()
  t.raises(function() secrets_file("s", "a=b\n", 420):get "a" end, "others may read these secrets %(mode 0644%): chmod 600 ")
end)
t.case("a secrets file that is broken says where and not what", function()
  t.raises(function() secrets_file("s", "a=b\nhunter2\n"):get "a" end, "/s:2: wants name=value$")
end)

t.case("doc: the comment on top of a type", function()
  t.equal(doc.parse [[
--- A thing. It does more
-- than one line.
--
-- Second paragraph.
--     a ─▶ b
--     c
-- And on.
-- @usage thing "a" {
--   x = 1,
-- }
-- @usage thing "b"
local thing = {}
-- not this]], {
    summary = "A thing.", text = { "It does more than one line.", "Second paragraph.", "    a ─▶ b\n    c", "And on." },
    usage = { 'thing "a" {\n  x = 1,\n}', 'thing "b"' },
  })
end)

t.case("doc: every type that is shipped says what it and each of its attributes is", function()
  local types = require("neap.engine.types").new()
  for _, name in ipairs(types:names()) do
    local known = doc.of(types, name)
    t.truthy(known.summary ~= "", name .. " has a summary")
    t.truthy(#known.usage > 0, name .. " has an example")
    for _, attribute in ipairs(known.attributes) do
      t.truthy(attribute.doc ~= "", name .. "." .. attribute.name .. " is documented")
    end
    t.truthy(#doc.text(known, 80) > 5 and #doc.markdown(types, { name }) > 100, name .. " is shown")
  end
end)

t.case("doc: a default that is a list is said, and what may be given in place of a required attribute", function()
  local types = require("neap.engine.types").new()
  t.matches(doc.markdown(types, { "apt_repository" }), "| `components` | list | `\"main\"` |")
  t.matches(doc.markdown(types, { "systemd_unit" }), "| `content` | string | required, or source |")
end)

project.clean()
