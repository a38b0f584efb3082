local t = require "harness"
if not pcall(require, "neap.core.taint") then
  return t.case("skipped: built without its C parts", function() end)
end
local inventory = require "neap.inventory"
local near = require "neap.near"
local project = require "project"
local has_yaml = pcall(require, "neap.core.yaml")

local function load(files, names, opts)
  local root = project.write(files)
  local paths = {}
  for i, name in ipairs(names) do paths[i] = root .. "/" .. name end
  local ok, model = pcall(inventory.load, paths, opts)
  -- The folder's name differs from run to run.
  if not ok then error((tostring(model):gsub(root .. "/", "")), 0) end
  return model
end

local function names(list)
  local found = {}
  for i, host in ipairs(list) do found[i] = host.name end
  return table.concat(found, " ")
end

local LUA = [[
return {
  user = "ops", vars = { vip = "10.0.0.100", level = "all" },
  groups = {
    site = { children = { "web", "db" }, vars = { level = "site" } },
    web = { vars = { level = "web" }, port = 2222 }, db = { hosts = { "node1" } }, lb = {},
  },
  hosts = {
    node10 = { address = "10.0.0.10", groups = { "web" }, become = true },
    node2 = { address = "10.0.0.2", groups = { "web" }, vars = { level = "host" }, port = 22, user = "root" },
    node1 = { address = "10.0.0.1" },
  },
}
]]

t.case("Lua: hosts in the order of counting, groups in groups, the nearest wins", function()
  local model = load({ ["i.lua"] = LUA }, { "i.lua" })
  t.equal(names(model.hosts), "node1 node2 node10")
  local node1, node2, node10 = table.unpack(model.hosts)
  t.equal({ node1.address, node1.port, node1.user }, { "10.0.0.1", nil, "ops" })
  t.equal({ node2.port, node2.user, node10.port, node10.connection.become }, { 22, "root", 2222, true })
  t.equal({ node1.vars.level, node2.vars.level, node10.vars.level }, { "site", "host", "web" })
  t.equal(node10.groups, { "all", "site", "web" })
  t.equal(node1.groups, { "all", "site", "db" })
end)

t.case("Lua: connection settings as variables, weaker than those spelt out", function()
  local model = load({ ["i.lua"] = [[
return { vars = { ssh_user = "a", ssh_port = 2200, ssh_private_key = "/k", become = true },
  hosts = { n = { user = "b" }, m = { vars = { ssh_address = "1.2.3.4" } } } }]] }, { "i.lua" })
  local m, n = table.unpack(model.hosts)
  t.equal({ n.user, n.port, n.address, m.user, m.address }, { "b", 2200, "n", "a", "1.2.3.4" })
  t.equal(m.connection.private_key, "/k")
  t.equal(m.connection.become, true)
end)

-- { pattern, hosts chosen }
local patterns = {
  { "all", "node1 node2 node10" }, { "*", "node1 node2 node10" }, { "node2", "node2" }, { "web", "node2 node10" },
  { "web:db", "node1 node2 node10" }, { "web,db", "node1 node2 node10" }, { "site:!web", "node1" },
  { "!web", "node1" }, { "web:&site:!node10", "node2" }, { "!node10:web", "node2" }, { "node?", "node1 node2" },
  { "node[12]", "node1 node2" }, { "node[!1]", "node2" },
  { "node[1-3]", "node1 node2" }, { "node[]2]", "node2" }, { "node[2-]", "node2" }, { "w*", "node2 node10" }, { "lb", "" },
  { " web , node1 ", "node1 node2 node10" }, { "node*:&db", "node1" },
}
local model = load({ ["i.lua"] = LUA }, { "i.lua" })
for _, case in ipairs(patterns) do
  t.case("pattern " .. case[1], function() t.equal(names(inventory.select(model, { case[1] })), case[2]) end)
end

t.case("several limits are one, and none is everybody", function()
  t.equal(names(inventory.select(model, { "web", "!node10" })), "node2")
  t.equal(names(inventory.select(model, nil)), "node1 node2 node10")
end)

for _, case in ipairs {
  { "wbe", "^no host or group 'wbe' in the inventory %(did you mean 'web'%?%)$" },
  { "web:&dbb", "'dbb'" }, { "web:!nod2", "did you mean 'node2'" }, { "x*", "pattern 'x%*' matches no host and no group" },
  { "", "an empty pattern chooses no host" }, { "web:&", "has an empty part" }, { "node[", "is no glob" },
  { "node[]2", "is no glob" }, { "node[!]", "is no glob" }, { "n[a", "is no glob" }, { "n.de[%a]", "matches no host" },
} do
  t.case("refuses the pattern '" .. case[1] .. "'", function()
    t.raises(function() inventory.select(model, { case[1] }) end, case[2])
  end)
end

local INI = [[
; a comment
lone ansible_host=10.0.0.9  # and one more

[web]
node[1:3] ansible_user=ops x="a b" flag=True n=007
node10:2222 ansible_become=yes

[db-main]
db-[a:b].local ansible_port=23

[site:children]
web
db-main

[web:vars]
workers = 4
note = "two words"

[all:vars]
vip=10.0.0.100
list=['a', 'b']
ansible_ssh_private_key_file=/keys/id
]]

t.case("INI: sections, ranges, quotes, settings", function()
  local ini = load({ ["hosts"] = INI }, { "hosts" })
  t.equal(names(ini.hosts), "lone node1 node2 node3 node10 db-a.local db-b.local")
  t.equal(names(inventory.select(ini, "site:!web")), "db-a.local db-b.local")
  local node2, node10, db = ini.by_name.node2, ini.by_name.node10, ini.by_name["db-a.local"]
  t.equal({ node2.user, node2.vars.x, node2.vars.flag, node2.vars.n, node2.vars.workers, node2.vars.note },
    { "ops", "a b", true, "007", 4, "two words" })
  t.equal({ node10.port, node10.connection.become, db.port, ini.by_name.lone.address }, { 2222, true, 23, "10.0.0.9" })
  t.equal(db.vars, { vip = "10.0.0.100", list = { "a", "b" } })
  t.equal(db.connection.private_key, "/keys/id")
  t.equal(node2.origins.workers:match("[^/]*$"), "hosts: group web")
end)

t.case("INI: ranges keep leading zeros and count in steps", function()
  t.equal(names(load({ ["h"] = "n[08:11]\nm[1:7:3]x[a:b]\n" }, { "h" }).hosts), "n08 n09 n10 n11 m1xa m1xb m4xa m4xb m7xa m7xb")
end)

t.case("settings of Ansible that somebody may count on, and are not read, are warned of", function()
  local read = load({ ["h"] = "[web]\na ansible_connection=local ansible_python_interpreter=/x\nb ansible_connection=ssh\n"
    .. "[web:vars]\nansible_ssh_common_args=-J bastion\nansible_become_method=doas\n" }, { "h" })
  local said = {}
  for i, warning in ipairs(read.warnings) do said[i] = tostring(warning):match("h:.*") end
  table.sort(said)
  t.equal(said, {
    "h:2: 'ansible_connection' is not read: hosts are reached by ssh",
    "h:5: 'ansible_ssh_common_args' is not read: what it says belongs into ~/.ssh/config, which is read",
    "h:6: 'ansible_become_method' is not read: become is by sudo",
  })
  t.equal(read.by_name.a.vars, {})
end)

t.case("an expression of Jinja is text, and warned of", function()
  local read = load({ ["h"] = "a x='{{ y }}'\nb x={{\n" }, { "h" })
  t.equal(#read.warnings, 1)
  t.matches(read.warnings[1], "h:1: 'x': {{ … }} is text here")
  t.equal(read.by_name.a.vars.x, "{{ y }}")
end)

t.case("an Ansible vault is told from a file of variables", function()
  local files = { ["inv/h"] = "a\n", ["inv/group_vars/all.yml"] = "$ANSIBLE_VAULT;1.1;AES256\n6162\n" }
  t.raises(function() load(files, { "inv" }) end, "all.yml: an Ansible vault is not read: neap secret")
end)

t.case("a folder of inventories with variables in files of their own", function()
  local files = {
    ["inv/10-hosts"] = "[web]\nnode1 a=inline b=inline\nnode2\n", ["inv/20-more.lua"] = "return { hosts = { node3 = { groups = { 'web' } } } }",
    ["inv/group_vars/web.lua"] = "return { a = 'group', c = 'group' }", ["inv/host_vars/node1/x.lua"] = "return { b = 'file' }",
    ["inv/group_vars/all.lua"] = "return { c = 'all', d = 'all' }", ["inv/group_vars/wbe.lua"] = "return {}", ["inv/.hidden"] = "[[",
    ["inv/hosts~"] = "[[",
  }
  local folder = load(files, { "inv" })
  t.equal(names(folder.hosts), "node1 node2 node3")
  t.equal(folder.by_name.node1.vars, { a = "inline", b = "file", c = "group", d = "all" })
  t.equal(folder.by_name.node3.vars, { a = "group", c = "group", d = "all" })
  t.matches(folder.warnings[1], "there is no group 'wbe' %(did you mean 'web'%?%)")
  -- beside a single file too
  files["inv/20-more.lua"] = nil
  t.equal(load(files, { "inv/10-hosts" }).by_name.node2.vars.a, "group")
end)

t.case("several inventories are one, the later over the earlier", function()
  local two = load({ ["a.lua"] = "return { hosts = { x = { vars = { v = 1 } } } }", ["b"] = "x v=2\ny\n" }, { "a.lua", "b" })
  t.equal(names(two.hosts), "x y")
  t.equal(two.by_name.x.vars.v, 2)
end)

t.case("-e is over everything", function()
  local extra = load({ ["i"] = "x port=1 name=n\n" }, { "i" }, { extra = { port = "2", name = "7", fresh = "true" } })
  t.equal(extra.by_name.x.vars, { port = 2, name = "7", fresh = true })
end)

-- { name, file, text, error }
local wrong = {
  { "an unknown entry of a host", "i.lua", "return { hosts = {\n  n = { adress = '1' },\n} }",
    "^i.lua:2: host 'n': no entry 'adress' %(did you mean 'address'%?%)$" },
  { "an unknown entry on top", "i.lua", "return { host = {} }", "^i.lua:1: inventory: no entry 'host' %(did you mean 'hosts'%?%)$" },
  { "a host that is no table", "i.lua", "return { hosts = { n = '10.0.0.1' } }", "host 'n' wants a table" },
  { "a port that is none", "i.lua", "return { hosts = {\n n = { port = 99999 } } }", "^i.lua:2: port 99999 is not in 1 to 65535$" },
  { "a port as text", "i.lua", "return { hosts = { n = { port = '22' } } }", "'port' wants an integer, got string" },
  { "a host name that no folder can have", "i.lua", "return { hosts = { ['..'] = {} } }", "'..' is no host name" },
  { "a host name that git keeps for itself", "i.lua", "return { hosts = { ['.git'] = {} } }", "'.git' is no host name" },
  { "its short form", "i.lua", "return { hosts = { ['git~1'] = {} } }", "'git~1' is no host name" },
  { "a host name like an option", "i.lua", "return { hosts = { ['-x'] = {} } }", "'-x' is no host name" },
  { "a host name with a blank", "i.lua", "return { hosts = { ['a b'] = {} } }", "'a b' is no host name: it holds a blank" },
  { "a name that is host and group", "i.lua", "return { hosts = { web = { groups = { 'web' } } } }", "'web' is both a host and a group" },
  { "a member that is no host", "i.lua", "return { hosts = { node1 = {} }, groups = { web = { hosts = { 'node2' } } } }",
    "group 'web': no host 'node2' %(did you mean 'node1'%?%)" },
  { "groups in a circle", "i.lua", "return { groups = { a = { children = { 'b' } }, b = { children = { 'a' } } } }", "is its own ancestor" },
  { "a variable with a dash", "i.lua", "return { vars = { ['a-b'] = 1 } }", "'a%-b' is no name of a variable" },
  { "no table", "i.lua", "return 1", "^i.lua: an inventory in Lua returns a table" },
  { "Lua's errors", "i.lua", "\nreturn { vars = nothing }", "^i.lua:2: unknown name 'nothing'" },
  { "syntax", "i.lua", "return {", "^i.lua:1: " },
  { "an unknown section", "h", "[web:var]\n", "^h:1: no section kind ':var' %(did you mean 'vars'%?%)$" },
  { "a broken section", "h", "[web\n", "^h:1: '%[web' is no section" },
  { "a host name with a blank in INI", "h", "\nnode 1\n", "^h:2: '1' is no name=value; a host name holds no blank$" },
  { "a quote that is open", "h", "n x='a\n", "^h:1: a quote ' is not closed" },
  { "a range that is none", "h", "n[1-3]\n", "^h:1: 'n%[1%-3%]' is no range of hosts" },
  { "a range that is backwards", "h", "n[3:1]\n", "is no range of hosts" },
  { "a range without end", "h", "n[1:999999999]\n", "is no range of hosts" },
  { "ranges of ranges without end", "h", "n[1:999][1:999]\n", "are more than 65536 hosts" },
  { "range after range without end", "h", "n[1:65536]\nm[1:9]\n", "^h:2: 'm1' is one host too many: 65536 are the most$" },
  { "a misspelt setting", "h", "\nn ansible_hots=1\n", "^h:2: no setting 'ansible_hots' %(did you mean 'ansible_host'%?%)$" },
  { "a variable line without =", "h", "[web:vars]\nx\n", "^h:2: 'x' is no name=value$" },
  { "no file", "missing.lua", nil, "missing.lua': No such file or directory: name an inventory with %-i" },
}
for _, case in ipairs(wrong) do
  t.case("refuses " .. case[1], function()
    t.raises(function() load({ [case[3] and case[2] or "other"] = case[3] or "" }, { case[2] }) end, case[4])
  end)
end

t.case("likely mistakes are warned of", function()
  local twins = load({ ["i.lua"] = [[return { groups = { web = {} }, hosts = { a = { address = "1.1.1.1" },
    b = { address = "1.1.1.1", groups = { "wbe" } } } }]] }, { "i.lua" })
  t.equal(#twins.warnings, 2)
  t.matches(twins.warnings[1], "group 'wbe' is not declared under 'groups' %(did you mean 'web'%?%)")
  t.matches(twins.warnings[2], "hosts 'a' and 'b' have the same address 1.1.1.1")
end)

if has_yaml then
  t.case("YAML: groups in groups, ranges, settings", function()
    local yaml = load({ ["h.yml"] = [[
all:
  vars:
    vip: 10.0.0.100
  hosts:
    lone:
  children:
    web:
      hosts:
        node[1:2]:
          ansible_user: ops
        node3: { ansible_port: 2222, ansible_become: true }
      vars: { workers: 4, flag: true, list: [a, b] }
    db:
      hosts: { node1: }
]] }, { "h.yml" })
    t.equal(names(yaml.hosts), "lone node1 node3 node2") -- names before patterns
    local node1 = yaml.by_name.node1
    t.equal({ node1.user, node1.vars.workers, node1.vars.flag, node1.vars.list[2] }, { "ops", 4, true, "b" })
    t.equal(node1.groups, { "all", "db", "web" })
    t.equal({ yaml.by_name.node3.port, yaml.by_name.node3.connection.become }, { 2222, true })
  end)

  for _, case in ipairs {
    { "an unknown part", "web:\n  host:\n    a:\n", "^h.yml:2: group 'web': no entry 'host' %(did you mean 'hosts'%?%)" },
    { "a list of hosts", "web:\n  hosts:\n    - a\n", "^h.yml:2: 'hosts' of group 'web' is a mapping: names with a colon, not a list" },
    { "text", "just text", "an inventory is a mapping" },
    { "syntax", "a: [", "h.yml:" },
  } do
    t.case("YAML refuses " .. case[1], function()
      t.raises(function() load({ ["h.yml"] = case[2] }, { "h.yml" }) end, case[3])
    end)
  end
end

-- { written, meant }
for _, case in ipairs {
  { "onwer", "owner" }, { "colour", "color" }, { "serivce", "service" }, { "Content", "content" }, { "xyz", nil }, { "a", nil },
} do
  t.case("near: " .. case[1], function()
    t.equal(near.suggest(case[1], { "owner", "color", "service", "content", "mode" }), case[2])
  end)
end
t.case("near: a swap is one edit", function()
  t.equal({ near.distance("ab", "ba"), near.distance("kitten", "sitting"), near.distance("", "abc") }, { 1, 3, 3 })
end)

t.case("INI of any bytes is read or refused with its line", function()
  local parts = { "[", "]", "web", ":vars", ":children", "\n", " ", "=", "a", "node[1:3]", "'", "\"", "#", ";", ":", "1", "\0", "é" }
  math.randomseed(4)
  local root = project.write { ["h"] = "" }
  for _ = 1, 2000 do
    local text = {}
    for i = 1, math.random(0, 15) do text[i] = parts[math.random(#parts)] end
    local ok, err = pcall(require "neap.inventory.ini", require("neap.inventory.model").new(),
      { path = root .. "/h", text = table.concat(text) })
    if not ok then t.matches(err, "/h:%d+: ") end
  end
end)

project.clean()
