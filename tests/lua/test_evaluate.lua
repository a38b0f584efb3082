local t = require "harness"
if not pcall(require, "neap.core.taint") then
  return t.case("skipped: built without its C parts", function() end)
end
local evaluate = require "neap.engine.evaluate"
local fault = require "neap.engine.fault"
local project = require "project"
local sandbox = require "neap.engine.sandbox"
local taint = require "neap.core.taint"

-- A type of the test's own, beside the playbook: every kind of attribute, a trigger, an implied dependency.
local GADGET = [[
local gadget = { name = "gadget", key = "name", triggers = { "restart", "reload" }, attributes = {
  size = "integer", color = { type = "string", choices = { "red", "green" } }, label = { type = "string", default = "none" },
  parts = "list", where = "map", mode = "mode", ratio = "number", on = "boolean", anything = "any",
  content = { type = "string", blob = true }, source = { type = "string", option = true, reads = "content" },
  found = { type = "string", readonly = true },
} }
function gadget.check(_, attrs)
  if attrs.size == 13 then error("13 is no size") end
  return attrs
end
function gadget.depends(key) return { "gadget:parent-of-" .. key, "box:*" } end
function gadget.probe() end
function gadget.steps() return {} end
return gadget
]]
local BOX = [[
return { name = "box", batch = true, attributes = { need = { type = "string", required = true } },
  probe = function() end, steps = function() return {} end }
]]

local function with_types(site, more)
  local files = { site = site, ["playbooks/types/gadget.lua"] = GADGET, ["playbooks/types/box.lua"] = BOX }
  for name, text in pairs(more or {}) do files[name] = text end
  return files
end

local function ids(desired)
  local list = {}
  for i, resource in ipairs(desired.list) do list[i] = resource.id end
  return list
end

local function declare(site, more, host, opts) return project.evaluate(with_types(site, more), host, opts) end

t.case("a word declares at once, and its reference takes the attributes", function()
  local desired = declare [[
gadget "a"
gadget "b" { size = 3, mode = "640", parts = "one", where = { x = "y" }, ratio = 1.5, on = false }
gadget { "c", "d" } { size = 1 }
]]
  t.equal(ids(desired), { "gadget:a", "gadget:b", "gadget:c", "gadget:d" })
  t.equal(desired.by_id["gadget:a"].attrs, { label = "none" })
  t.equal(desired.by_id["gadget:b"].attrs,
    { label = "none", size = 3, mode = "0640", parts = { "one" }, where = { x = "y" }, ratio = 1.5, on = false })
  t.equal(desired.by_id["gadget:d"].attrs.size, 1)
  t.equal(desired.by_id["gadget:b"].where, "playbooks/site.lua:2")
end)

t.case("attributes may stand in the parentheses of the key, as Lua people write", function()
  local desired = declare([[
gadget("a", { size = 3 })
local ref = gadget({ "b", "c" }, { size = 1, after = "gadget:a" })
template("/t", { source = "x" })
absent.gadget("d", { where = { x = "y" } })
]], { ["templates/x"] = "text" })
  t.equal(ids(desired), { "gadget:a", "gadget:b", "gadget:c", "file:/t", "gadget:d" })
  t.equal({ desired.by_id["gadget:a"].attrs.size, desired.by_id["gadget:c"].attrs.size }, { 3, 1 })
  t.equal({ desired.by_id["gadget:a"].where, desired.by_id["gadget:b"].where }, { "playbooks/site.lua:1", "playbooks/site.lua:2" })
  t.equal(desired.by_id["file:/t"].attrs.content, "text")
end)

t.case("of what is to be absent it is known where it may be", function()
  local list = declare([[absent.hosts_entry "10.0.0.1" absent.hosts_entry "10.0.0.2" { path = "/x" }]]).list
  t.equal({ list[1].attrs, list[2].attrs }, { { path = "/etc/hosts" }, { path = "/x" } })
end)

t.case("absent declares absence", function()
  local desired = declare [[absent.gadget "old" absent.gadget { "x", "y" }]]
  t.equal(ids(desired), { "gadget:old", "gadget:x", "gadget:y" })
  t.equal(desired.list[1].absent, true)
  t.equal(desired.list[1].attrs, {})
end)

t.case("a reference stands for its key, and for what comes first", function()
  local desired = declare [[
local first = gadget "one"
gadget "two" { label = first, parts = { first, "x" }, anything = { deep = first } }
gadget(first .. "-more") { label = "see " .. tostring(first) .. first.id }
]]
  local two = desired.by_id["gadget:two"]
  t.equal(two.attrs.label, "one")
  t.equal(two.attrs.parts, { "one", "x" })
  t.equal(two.attrs.anything, { deep = "one" })
  t.equal(two.needs, { "gadget:one" })
  t.equal(desired.by_id["gadget:one-more"].attrs.label, "see onegadget:one")
end)

t.case("a key has one form, in a text that names it, too", function()
  local desired = declare [[
service "x.service" { running = true }
gadget "a" { after = { "service:x.service", "box:*" }, wait = { node2 = "service:y.service" } }
service "z" { running = true, restart_on = "service:x.service" }
]]
  local gadget = desired.by_id["gadget:a"]
  t.equal(gadget.meta.after, { "service:x", "box:*" })
  t.equal(gadget.meta.wait, { { host = "node2", id = "service:y" } })
  t.equal(desired.by_id["service:z"].meta.restart_on, { "service:x" })
end)

t.case("meta attributes are read into lists of ids, and give the order", function()
  local desired = declare [[
gadget "last" { after = "gadget:a", tags = { "x", "y" }, restart_on = { "gadget:a", "gadget:b" } }
local a = gadget "a"
gadget "b" { before = a, wait = { node2 = "gadget:z" } }
gadget "c" { wait = hosts "lb", validate = "true" }
]]
  t.equal(ids(desired), { "gadget:b", "gadget:a", "gadget:last", "gadget:c" })
  local last = desired.by_id["gadget:last"]
  t.equal(last.meta.restart_on, { "gadget:a", "gadget:b" })
  t.equal(last.meta.tags, { "x", "y" })
  t.equal(last.needs, { "gadget:a", "gadget:b" })
  t.equal(desired.by_id["gadget:b"].meta.wait, { { host = "node2", id = "gadget:z" } })
  t.equal(desired.by_id["gadget:c"].meta.wait, { { host = "node10", id = "gadget:c" } })
  t.equal(desired.by_id["gadget:c"].meta.validate, "true")
end)

t.case("what a type implies comes first where it is declared, and only there", function()
  t.equal(ids(declare [[gadget "x" gadget "parent-of-x"]]), { "gadget:parent-of-x", "gadget:x" })
end)

t.case("a secret stays a secret through every text function", function()
  local desired = declare([[
local s = secret "db"
gadget "joined" { content = "password=" .. s .. "\n" }
gadget "formatted" { content = ("%s:%d"):format(s, 7) }
gadget "listed" { content = table.concat({ "a", s, "b" }, ",") }
gadget "said" { content = tostring(s) }
]], { ["secrets"] = "" }, nil, { secrets = nil, placeholder = true })
  local clear = { joined = "password=placeholder-of-db\n", formatted = "placeholder-of-db:7",
    listed = "a,placeholder-of-db,b", said = "placeholder-of-db" }
  for name, text in pairs(clear) do
    local content = desired.by_id["gadget:" .. name].attrs.content
    t.truthy(taint.is(content), name .. " is a secret")
    t.equal(taint.reveal(content), text)
  end
end)

t.case("components run once a host, where their pattern matches", function()
  local files = with_types([[
on "web" { "common", "web" }
on "db" { "common" }
on "lb" (function(h) gadget("lb-" .. h.name) end)
]], {
    ["playbooks/common.lua"] = [[return function(host) gadget("common-" .. host.name) end]],
    ["playbooks/web.lua"] = [[return function(_, site) gadget "web" { size = site.app.port } component "common" end]],
  })
  local opened = project.open(files)
  local function of(name) return ids(evaluate.host(opened, opened.inventory.by_name[name])) end
  t.equal(of "node1", { "gadget:common-node1", "gadget:web" })
  t.equal(of "node10", { "gadget:lb-node10" })
  local desired = evaluate.host(opened, opened.inventory.by_name.node1)
  t.equal(desired.by_id["gadget:web"].component, "web")
  t.equal(desired.by_id["gadget:web"].meta.tags, { "web" })
  t.equal(desired.inputs["playbooks/common.lua"]:sub(1, 6), "return")
end)

t.case("variables: defaults, inventory, host, -e, each over the one before", function()
  local desired = declare([[
gadget "a" { size = site.app.port, label = site.vip .. " " .. site.role .. " " .. site.tuning.level, on = site.tls }
gadget "b" { label = host.vars.app.user, size = site("app.none", 5), parts = host.groups }
]], { ["playbooks/defaults.lua"] = [[return { tls = false, role = "?", tuning = { level = "low", x = 1 } }]] }, "node1",
    { extra = { ["app.port"] = "9000", ["tuning.level"] = "high", tls = "true" } })
  t.equal(desired.by_id["gadget:a"].attrs, { label = "10.0.0.100 primary high", size = 9000, on = true })
  t.equal(desired.by_id["gadget:b"].attrs, { label = "app", size = 5, parts = { "all", "db", "web" } })
end)

t.case("where each variable came from is known", function()
  local opened = project.open(with_types("", { ["playbooks/defaults.lua"] = "return { tls = true }" }), { extra = { vip = "x" } })
  local _, origins = evaluate.variables(opened, opened.inventory.by_name.node1)
  t.equal(origins.tls, "playbooks/defaults.lua")
  t.equal(origins.vip, "-e")
  t.matches(origins["app.port"], "inventory.lua: vars$")
  t.matches(origins.role, "inventory.lua: host node1$")
end)

t.case("hosts of a group come in the order of counting, with their variables", function()
  local desired = declare [[
for _, h in ipairs(hosts "all:!db") do gadget(h.name .. "@" .. h.address) { label = h.vars.vip } end
gadget "is" { on = host:in_group "db" }
]]
  t.equal(ids(desired), { "gadget:node2@10.0.0.2", "gadget:node10@10.0.0.10", "gadget:is" })
  t.equal(desired.by_id["gadget:is"].attrs.on, true)
end)

t.case("facts and packages of the host", function()
  local desired = declare([[
gadget "a" { label = host.facts.os_id }
gadget "b" { label = host:package_candidate { "mysql", "mariadb" } }
]], nil, "node1", { facts = { os_id = "debian" }, ask = function(kind, first, second)
    return kind == "candidate" and first == "mysql" and second or nil
  end })
  t.equal(desired.by_id["gadget:a"].attrs.label, "debian")
  t.equal(desired.by_id["gadget:b"].attrs.label, "mariadb")
end)

t.case("templates render into files, and what they read is an input", function()
  local desired = declare([[
local f = template "/etc/app.conf" { source = "app.conf", vars = { port = site.app.port, list = { 1, 2 } }, mode = "0640" }
gadget "g" { label = f, content = render("app.conf", { port = 1, list = {} }) }
gadget "h" { source = "files/h" }
gadget "i" { content = read_file "files/h" }
]], { ["templates/app.conf"] = "port <%= port %>\n<% for _, x in ipairs(list) do %>\nx <%= x %>\n<% end %>\n", ["files/h"] = "hello" })
  local file = desired.by_id["file:/etc/app.conf"]
  t.equal(file.attrs.content, "port 8000\nx 1\nx 2\n")
  t.equal(file.attrs.mode, "0640")
  t.equal(desired.by_id["gadget:g"].attrs.content, "port 1\n")
  t.equal(desired.by_id["gadget:h"].attrs, { content = "hello", label = "none" })
  t.equal(desired.by_id["gadget:i"].attrs.content, "hello")
  t.equal(desired.inputs["templates/app.conf"]:sub(1, 4), "port")
  t.equal(desired.inputs["files/h"], "hello")
end)

t.case("the same thing said twice is one resource, with the tags of both", function()
  local desired = declare [[gadget "a" { size = 1, tags = "x" } gadget "a" { size = 1, tags = "y" }]]
  t.equal(#desired.list, 1)
  t.equal(desired.list[1].meta.tags, { "x", "y" })
end)

t.case("included files share values", function()
  local desired = declare([[local lib = include "lib/names.lua" gadget(lib.name)]],
    { ["playbooks/lib/names.lua"] = [[return { name = "shared" }]] })
  t.equal(ids(desired), { "gadget:shared" })
end)

local wrong = {
  { "a misspelt attribute names its own line", 'gadget "a" {\n  label = "x",\n  colour = "red",\n}',
    "^playbooks/site.lua:3: gadget:a: no attribute 'colour' %(did you mean 'color'%?%)$" },
  { "an attribute that nothing is like", 'gadget "a" { purpose = "x" }', "no attribute 'purpose': see neap doc gadget$" },
  { "what others say by an attribute", 'gadget "a" { state = "absent" }',
    "no attribute 'state': to declare it says that it is there, absent.gadget \"a\" that it is not$" },
  { "attributes that are none, in parentheses", 'gadget("a", "b")', "^playbooks/site.lua:1: gadget:a: its attributes are given as a table" },
  { "a misspelt meta attribute", 'gadget "a" { reloads_on = "gadget:a" }', "no attribute 'reloads_on' %(did you mean 'reload_on'%?%)" },
  { "a misspelt type", 'gadgt "a"', "^playbooks/site.lua:1: unknown name 'gadgt' %(did you mean 'gadget'%?%)$" },
  { "a misspelt absent type", 'absent.gadgt "a"', "no resource type 'gadgt' %(did you mean 'gadget'%?%)" },
  { "a wrong type of value", 'gadget "a" { size = "big" }', "^playbooks/site.lua:1: gadget:a: attribute 'size' wants an integer, got 'big'$" },
  { "a mode as a number", 'gadget "a" { mode = 0644 }', 'wants a string such as "0644" %(Lua has no octal numbers%)' },
  { "a mode that is none", 'gadget "a" { mode = "u=rw" }', "wants a mode such as \"0644\", got 'u=rw'" },
  { "a choice that is none", 'gadget "a" { color = "gren" }', "wants one of 'red', 'green', got 'gren' %(did you mean 'green'%?%)" },
  { "a list of tables", 'gadget "a" { parts = { {} } }', "wants a list of strings, and member 1 is a table" },
  { "a map with numbers", 'gadget "a" { where = { 1 } }', "wants a table of name = value, and has the key 1" },
  { "a value by position", 'gadget "a" { "x" }', "attributes are given by name, and one is the number 1" },
  { "an attribute that is only found", 'gadget "a" { found = "x" }', "'found' is found, not declared" },
  { "a required attribute", 'box "a"', "^playbooks/site.lua:1: box:a: attribute 'need' is required$" },
  { "what the type itself refuses", 'gadget "a" { size = 13 }', "^playbooks/site.lua:1: gadget:a: 13 is no size$" },
  { "a trigger of a type that has none", 'box "a" { need = "x", restart_on = "box:a" }', "a box takes no 'restart_on'" },
  { "no key", 'gadget()', "^playbooks/site.lua:1: gadget wants a name" },
  { "an empty key", 'gadget ""', "gadget wants a name" },
  { "attributes in place of a key", 'gadget { size = 1 }', "gadget wants a name first" },
  { "attributes given twice", 'gadget "a" { size = 1 } { size = 2 }', "its attributes were given already at playbooks/site.lua:1" },
  { "two wishes for one thing", 'gadget "a" { size = 1 }\ngadget "a" { size = 2 }',
    "^playbooks/site.lua:2: gadget:a is declared twice, otherwise at playbooks/site.lua:1$" },
  { "two names of one host", 'hostname "a"\nhostname "b"', "has one hostname, and that is 'a' at playbooks/site.lua:1" },
  { "present and absent", 'gadget "a"\nabsent.gadget "a"', "declared twice" },
  { "an id that is not declared", 'gadget "name"\ngadget "a" {\n after = "gadget:nam" }',
    "^playbooks/site.lua:3: gadget:a: 'after' names 'gadget:nam', which is not declared %(did you mean 'gadget:name'%?%)" },
  { "an id that is none", 'gadget "a" { after = "name" }', "'after' wants \"type:key\", got 'name'" },
  { "a circle", 'gadget "a" { after = "gadget:b" }\ngadget "b" { after = "gadget:c" }\ngadget "c" { after = "gadget:a" }',
    "circle: gadget:a %(playbooks/site.lua:1%) needs gadget:b %(playbooks/site.lua:2%) needs gadget:c %(playbooks/site.lua:3%) needs gadget:a$" },
  { "a host to wait for that is none", 'gadget "a" { wait = "nod1" }', "'nod1', which is not in the inventory %(did you mean 'node1'%?%)" },
  { "a misspelt variable", 'gadget "a" { size = site.app.prot }', "^playbooks/site.lua:1: variable 'app.prot' is not set %(did you mean 'app.port'%?%)$" },
  { "a variable that is written", 'site.vip = 1', "variable 'vip' cannot be changed here" },
  { "a variable that nothing is like", 'gadget "a" { size = site.app.shards }',
    "variable 'app.shards' is not set: give it a default in defaults.lua, or ask for it with one: site%(\"app.shards\", …%)$" },
  { "a misspelt member of a host", 'gadget(host.adress)', "host 'adress' is not set %(did you mean 'address'%?%)" },
  { "facts that nobody asked for", 'gadget(host.facts.os_id)', "the facts of host 'node1' are not known" },
  { "a global variable", 'x = 1', "^playbooks/site.lua:1: 'x' is no local variable" },
  { "an unknown group", 'on "wbe" { "x" }', "^playbooks/site.lua:1: no host or group 'wbe' in the inventory %(did you mean 'web'%?%)" },
  { "an unknown component", 'on "web" { "sit" }', "no component 'sit'" },
  { "a word half said", '\non "web"', "^playbooks/site.lua:2: on 'web' is not told what to do" },
  { "a template without a source", 'template "/x"', "^playbooks/site.lua:1: template '/x' is not told its source" },
  { "a missing template", 'template "/x" { source = "no" }', "no file 'templates/no' in the project" },
  { "a file outside the project", 'read_file "../x"', "'../x' is no file of the project" },
  { "an absolute file", 'read_file "/etc/passwd"', "is no file of the project" },
  { "a secret that is not set", 'secret "nothing"', "^playbooks/site.lua:1: secret 'nothing' is not set: put it into a file given by %-%-secrets or into NEAP_SECRET_NOTHING, or keep it sealed in" },
  { "a secret as a key", 'gadget(secret "x")', "secret" },
  { "Lua's own errors", 'local x = nil\nreturn x.y', "^playbooks/site.lua:2: attempt to index a nil value" },
  { "a syntax error", 'gadget "a" {\n', "^playbooks/site.lua:2: unexpected symbol near <eof>" },
  { "an error with a table", 'error({})', "^playbooks/site.lua:1: table$" },
  { "an endless loop", 'while true do end', "^playbooks/site.lua:1: stopped after 4 million instructions" },
  { "an endless loop that catches", 'while true do pcall(function() while true do end end) end', "stopped after 4 million" },
  { "io", 'io.open("/etc/passwd")', "unknown name 'io'" },
  { "a component for a playbook", 'return function() gadget "a" end', "^playbooks/site.lua: it returns a function.*on \"all\"" },
  { "an inventory for a playbook", 'return { hosts = { a = {} } }', "^playbooks/site.lua: it returns hosts" },
  { "the clock", 'os.time()', "unknown name 'os': a playbook has no clock" },
  { "a word from elsewhere", 'cron "x" { hour = 3 }', "unknown name 'cron': that is timer" },
  { "chance", 'gadget(tostring(math.random()))', "attempt to call a nil value %(field 'random'%)" },
  { "an address", 'gadget(("%p"):format({}))', "would show an address" },
  { "a finalizer", 'setmetatable({}, { __gc = function() end })', "has no '__gc'" },
  { "a way to join of its own", 'setmetatable({}, { __concat = function() end })', "has no '__concat'" },
  { "one that comes later", 'local mt = {}\nlocal v = setmetatable({}, mt)\nmt.__concat = rawequal\nreturn v .. ""',
    "^playbooks/site.lua:4: attempt to concatenate a table value" },
  { "one by the way of getmetatable", 'local v = setmetatable({}, {})\ngetmetatable(v).__concat = rawequal\nreturn v .. ""',
    "^playbooks/site.lua:3: attempt to concatenate a table value" },
  { "another metatable where one is protected", 'local v = setmetatable({}, { __metatable = 1 })\nsetmetatable(v, {})',
    "cannot change a protected metatable" },
  { "another metatable of a reference", 'setmetatable(gadget "a", {})', "cannot change a protected metatable" },
  { "a reference joined to nothing", 'return gadget "a" .. nil', "^playbooks/site.lua:1: attempt to concatenate a nil value" },
  { "a pattern without end", "\nlocal x = ('a'):rep(100):find(('.-'):rep(20) .. 'b')", "^playbooks/site.lua:2: pattern takes too long$" },
  { "a broken pattern", "local x = ('a'):match('[')", "^playbooks/site.lua:1: malformed pattern %(missing ']'%)$" },
  { "growth without end", "local t = {}\nfor i = 1, 1e9 do t[i] = ('x'):rep(1000) .. i end", "stopped: it needs more than 20 MB of memory" },
  { "growth that catches", "local t = {}\nwhile true do pcall(function() for i = 1, 1e9 do t[#t + 1] = ('x'):rep(1000) .. i end end) end",
    "stopped: it needs more than 20 MB of memory" },
  { "a huge string", 'local s = ("x"):rep(1 << 40)', "bytes are more than a playbook may make" },
  { "a loop in the handler of the error that ends one",
    "xpcall(function() while true do end end, function() while true do end end)", "endless loop" },
  { "a loop where a variable is closed", "local x <close> = setmetatable({}, { __close = function() while true do end end })",
    "endless loop" },
  { "growth that is hidden where a variable is closed", "local t = {}\nwhile true do pcall(function()\n" ..
    "local x <close> = setmetatable({}, { __close = function() error 'mine' end })\n" ..
    "for i = 1, 1e9 do t[#t + 1] = ('x'):rep(1000) .. i end end) end", "stopped: it needs more than 20 MB of memory" },
  { "a table of any length that something is put into", "table.insert(setmetatable({}, { __len = function() return 1 << 60 end }), 1, 0)",
    "table.insert wants a table that has no '__len'" },
  { "one that something is taken out of", "table.remove(setmetatable({}, { __len = function() return 1 << 60 end }), 1)",
    "table.remove wants a table" },
  { "one that is sorted", "table.sort(setmetatable({}, { __len = function() return 1 << 30 end, __index = type }), math.type)",
    "table.sort wants a table" },
  { "an error that has no text", "error(setmetatable({}, { __tostring = function() return {} end }))", "must return a string" },
  { "a metatable of all strings", 'getmetatable("").__index = 1', "getmetatable wants a table" },
}
for _, case in ipairs(wrong) do
  t.case("refuses " .. case[1], function()
    t.raises(function()
      declare(case[2], nil, "node1", { limits = { instructions = 4000000, memory_bytes = 20 << 20, match_steps = 1000000 } })
    end, case[3])
  end)
end

t.case("a playbook's metatables", function()
  local desired = declare [[
local Point = {}
Point.__index = Point
local function new(x) return setmetatable({ x = x }, Point) end
local first = new(1)
function Point.__add(a, b) return new(a.x + b.x) end
function Point:__tostring() return "at " .. self.x end
local sum = new(2) + first
assert(getmetatable(sum) == Point and getmetatable(setmetatable(sum, nil)) == nil)
gadget "a" { label = tostring(new(3) + setmetatable({ x = 4 }, Point)) }
]]
  t.equal(desired.by_id["gadget:a"].attrs.label, "at 7")
end)

t.case("a playbook gets what a fault says, and not the fault that all hosts share", function()
  local desired = declare [[
local seen = {}
local function see(e) seen[#seen + 1] = type(e) .. e:match("^[^:]*:%d+") end
xpcall(function() return site.nothing end, see)
pcall(function()
  local x <close> = setmetatable({}, { __close = function(_, e) see(e) end })
  return site.nothing
end)
see(select(2, pcall(function() return site.nothing end)))
gadget "a" { parts = seen }
]]
  t.equal(desired.by_id["gadget:a"].attrs.parts,
    { "stringplaybooks/site.lua:3", "stringplaybooks/site.lua:6", "stringplaybooks/site.lua:8" })
  t.equal(getmetatable(fault.new("playbook", nil, "x")), "fault")
end)

t.case("a reference is joined as its key, however deep in calls", function()
  local desired = declare [[
local ref = gadget "a"
local function at(depth)
  if depth > 0 then
    local text = at(depth - 1)
    return text
  end
  return "x" .. ref .. "y" .. 1 .. ref .. ref
end
for depth = 0, 600 do assert(at(depth) == "xay1aa") end
gadget(at(0))
]]
  t.equal(ids(desired), { "gadget:a", "gadget:xay1aa" })
end)

t.case("an error in a file with a long name", function()
  local long = ("folder-with-a-long-name/"):rep(4) .. "component"
  t.raises(function()
    declare(("component '%s'"):format(long), { ["playbooks/" .. long .. ".lua"] = "\nlocal x = nil + 1" })
  end, "^playbooks/folder.*component.lua:2: attempt to perform arithmetic on a nil value$")
end)

t.case("a playbook that is no Lua is refused before any host is evaluated", function()
  t.raises(function() project.open { site = "\nfile \"/x\" {" } end, "^playbooks/site.lua:2: ")
end)

t.case("mistakes can be gathered instead of the first raised", function()
  local faults = {}
  declare('gadget "a" { colour = 1, label = { {} }, sise = 1 }\ngadget "b" { size = 13 }\non "wbe" {}', nil, nil,
    { faults = faults })
  for i, problem in ipairs(faults) do faults[i] = tostring(problem) end
  t.equal(faults, {
    "playbooks/site.lua:3: no host or group 'wbe' in the inventory (did you mean 'web'?)",
    "playbooks/site.lua:1: gadget:a: no attribute 'colour' (did you mean 'color'?)",
    "playbooks/site.lua:1: gadget:a: attribute 'label' wants a string, got a table",
    "playbooks/site.lua:1: gadget:a: no attribute 'sise' (did you mean 'size'?)",
    "playbooks/site.lua:2: gadget:b: 13 is no size",
  })
end)

t.case("tables print without addresses and are walked in one order", function()
  local desired = declare [[
local t = {}
for i = 1, 50 do t["k" .. i] = i end
local seen = {}
for k in pairs(t) do seen[#seen + 1] = k end
gadget "a" { label = tostring({}) .. type(pcall), parts = seen }
]]
  local parts = desired.list[1].attrs.parts
  t.equal({ #parts, parts[1], parts[2], parts[50] }, { 50, "k1", "k10", "k9" })
  t.equal(desired.list[1].attrs.label, "tablefunction")
end)

t.case("engine code outside of a run has plain strings and no bound", function()
  pcall(declare, "while true do end", nil, nil, { limits = { instructions = 1000000 } })
  t.equal(debug.gethook(), nil)
  t.equal(("").format, string.format)
  t.equal(sandbox.where(), nil)
end)

t.case("of what is to go, what stands in something goes first", function()
  local desired = declare [[
absent.gadget "parent-of-x"
absent.gadget "x"
]]
  t.equal(ids(desired), { "gadget:x", "gadget:parent-of-x" })
end)

t.case("a purged directory knows what the playbook keeps in it", function()
  local desired = declare [[
directory "/d" { purge = true }
directory "/e" { purge = true }
file "/d/a" { content = "" }
symlink "/d/sub/l" { to = "/d/a" }
sysctl "vm.swappiness" { value = 1 }
systemd_unit "app.service" { content = "[Service]\nExecStart=/bin/true\n" }
directory { "/etc/sysctl.d", "/etc/systemd/system" } { purge = true }
]]
  t.equal(desired.by_id["directory:/d"].attrs.keep, { "a", "sub" })
  t.equal(desired.by_id["directory:/e"].attrs.keep, {})
  t.equal(desired.by_id["directory:/etc/sysctl.d"].attrs.keep, { "90-neap-vm.swappiness.conf" })
  t.equal(desired.by_id["directory:/etc/systemd/system"].attrs.keep, { "app.service" })
end)

-- { playbook, what its author is told } of mistakes that no schema foresees: never a traceback
local LOOP = "local t = {} t.t = t "
for _, case in ipairs {
  { 'file "/x" { [{}] = 1 }', "file:/x: attributes are given by name" },
  { 'local f = file "/y" file "/x" { [f] = true }', "file:/x: attributes are given by name" },
  { LOOP .. 'file "/x" { content = t }', "file:/x: attribute 'content': a table that holds itself" },
  { LOOP .. 'local x = json(t)', "a table that holds itself" },
  { 'file "/x" { wait = { [{}] = 1 } }', "file:/x: attribute 'wait': " },
  { 'file "/x" { wait = { node2 = 5 } }', "'wait' wants what to wait for on 'node2'" },
  { 'local x = file "/x" .. nil', "attempt to concatenate a nil value" },
  { 'file "/x" { owner = secret "s" }', "file:/x: it names a user, a group or a path" },
  { 'systemd_unit "x.service" { content = secret "s" }', "everybody on the host can read a unit" },
  { 'apt_repository "x" { content = secret "s" }', "no secrets here" },
  { 'check "x" { command = secret "s" }', "no secrets here" },
  { 'command "x" { run = "x", creates = "/y", cwd = "tmp" }', "command:x: 'tmp' is no plain absolute path" },
  { 'command "x" { run = "x", creates = "/y", env = { A = {} } }', "command:x: env.A wants a string" },
  { 'user "x" { comment = "a\\0b" }', "user:x: attribute 'comment' wants text, and got a NUL byte in it" },
  { 'user "x" { password = false }', "user:x: attribute 'password' wants a string, got false" },
  { 'user "x" { groups = { "a\\0b" } }', "user:x: attribute 'groups' wants text, and member 1 has a NUL byte in it" },
  { 'rolling { drain = { on = "web", run = "x", timeout_s = "soon" } }', "drain: timeout_s wants a whole number" },
  { 'table.move({}, 1, 1 << 40, 2)', "more than a playbook may move" },
} do
  t.case("told well: " .. case[1], function()
    local ok, problem = pcall(project.evaluate, { site = case[1], ["secrets"] = "" }, "node1", { placeholder = true })
    t.truthy(not ok and fault.is(problem), "a fault")
    t.matches(tostring(problem), "^playbooks/site.lua:1: .*" .. case[2])
  end)
end

t.case("a command may run in /", function()
  local desired = project.evaluate 'command "x" { run = "x", creates = "/y", cwd = "/" }'
  t.equal(desired.list[1].attrs.cwd, "/")
end)

t.case("an account that never expires is declared as false", function()
  local desired = project.evaluate 'user "x" { expires = false }'
  t.equal(desired.list[1].attrs.expires, false)
end)

project.clean()
