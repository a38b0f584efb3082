-- What the types find and what they would run, without a host: cases as data.
local t = require "harness"
local crypto = require "neap.core.crypto"
local difference = require "neap.engine.difference"
local fault = require "neap.engine.fault"
local taint = require "neap.core.taint"

-- A host whose answers are written down: answers[kind][argument], or answers["getent passwd"][key].
local function canned(answers)
  local asked = {}
  return setmetatable({ asked = asked, expect = function() end,
    missing = function(_, ...) fault.raise("failed", nil, ...) end }, {
    __index = function(_, kind)
      return function(_, a, b)
        local name = b and kind .. " " .. a or kind
        asked[#asked + 1] = name
        return answers[name] and answers[name][b or a]
      end
    end,
  })
end

-- Steps for the eye: of a long script its title.
local function shown(steps)
  local list = {}
  for i, step in ipairs(steps) do
    local script = type(step) == "table" and step.run or step
    list[i] = script:find("LC_ALL=C", 1, true) and step.title or script
  end
  return list
end

local function planned(type_name, key, attrs, answers, absent)
  local rtype = require("neap.types." .. type_name)
  local want
  if not absent then
    want = {}
    for name, value in pairs(attrs) do want[name] = value end
    for name, spec in pairs(rtype.attributes) do
      if want[name] == nil and type(spec) == "table" then want[name] = spec.default end
    end
    if rtype.check then want = rtype.check(key, want, { run_on = attrs.run_on }) or want end
  end
  local found = rtype.probe(canned(answers), key, want, want or attrs)
  local change = difference.change(rtype, found, want)
  if not change then return {} end
  return shown(rtype.steps(key, change, {})), change
end

local ADA = { run = { ["getent passwd"] = { out = "" } },
  ["getent passwd"] = { ada = "ada:x:7:8:Ada:/home/ada:/bin/sh" }, groups = { ada = { "adm", "www" } },
  shadow = { ada = { locked = false } }, ["getent group"] = { ["8"] = "ada:x:8:" } }
local function with(answers, more)
  local all = {}
  for name, value in pairs(answers) do all[name] = value end
  for name, value in pairs(more) do all[name] = value end
  return all
end
local function found_file(mode, content)
  return { stat = { ["/f"] = { kind = "file", mode = mode, owner = "root", group = "root", uid = 0, gid = 0 } },
    content = { ["/f"] = content }, sha256 = { ["/f"] = crypto.sha256(content) } }
end
local HASH = ("x"):rep(30)
local hash = taint.wrap(HASH, "hash")

-- { name, type, key, wanted attributes (false: absent), answers, commands }
local cases = {
  { "group: a new one", "group", "ops", {}, {}, { "groupadd ops" } },
  { "group: a new system group", "group", "ops", { system = true, gid = 7 }, {}, { "groupadd -r -g 7 ops" } },
  { "group: moves a wrong gid", "group", "deploy", { gid = 2001 },
    { ["getent group"] = { deploy = "deploy:x:1500:" } }, { "groupmod -g 2001 deploy" } },
  { "group: is right", "group", "ops", { gid = 7 }, { ["getent group"] = { ops = "ops:x:7:ada" } }, {} },
  { "group: goes", "group", "ops", false, { ["getent group"] = { ops = "ops:x:7:" } }, { "groupdel ops" } },

  { "user: with a group given", "user", "ada", { group = "web", comment = "A 'B'" }, {},
    { "useradd -m -g web -c 'A '\\''B'\\''' ada" } },
  { "user: a system user", "user", "app", { system = true, group = "app", home = "/srv/app" }, {},
    { "if getent group app >/dev/null; then set -- -g app; else set -- -U; fi\n" ..
      "useradd -r -M -d /srv/app -s /usr/sbin/nologin \"$@\" app" } },
  { "user: one whose own group went with it", "user", "ada", { uid = 7, group = "ada", create_home = false }, {},
    { "if getent group ada >/dev/null; then set -- -g ada; else set -- -U; fi\nuseradd -M -u 7 \"$@\" ada" } },
  { "user: one whose own group comes back with the number that it had", "user", "ada",
    { uid = 7, own_gid = 9, group = "ada", create_home = false }, {},
    { "gid=$(getent group ada | cut -d: -f3)\n" ..
      'if [ -z "$gid" ]; then groupadd -g 9 ada; elif [ "$gid" != 9 ]; then groupmod -g 9 ada; fi || exit 1\n' ..
      "useradd -M -u 7 -g ada ada" } },
  { "user: the own group gets its number back", "user", "ada", { own_gid = 9, group = "ada" },
    with(ADA, { ["getent group"] = { ["8"] = "ada:x:8:", ada = "ada:x:8:" } }),
    { "gid=$(getent group ada | cut -d: -f3)\n" ..
      'if [ -z "$gid" ]; then groupadd -g 9 ada; elif [ "$gid" != 9 ]; then groupmod -g 9 ada; fi || exit 1\n' } },
  { "user: had no password", "user", "ada", { password = false, locked = true },
    with(ADA, { shadow = { ada = { locked = false, password = taint.wrap("old", "p") } } }), { "usermod -p '!' ada" } },
  { "user: a home is for one who is made again", "user", "ada", { homed = "another's" }, ADA, {} },
  { "user: is right, groups in another order and twice", "user", "ada",
    { uid = 7, groups = { "www", "adm", "www" }, home = "/home/ada", comment = "Ada" }, ADA, {} },
  { "user: only what differs", "user", "ada", { uid = 7, shell = "/bin/bash", groups = { "www" } }, ADA,
    { "usermod -G www -s /bin/bash ada" } },
  { "user: group by number and by name", "user", "ada", { group = "8" }, ADA, {} },
  { "user: group by a number written otherwise", "user", "ada", { group = "08" }, ADA, {} },
  { "user: group by name", "user", "ada", { group = "ada" }, ADA, {} },
  { "user: a password goes by standard input", "user", "ada", { password = hash }, ADA, { "chpasswd -e" } },
  { "user: a new password locks again", "user", "ada", { password = hash },
    with(ADA, { shadow = { ada = { locked = true, password = taint.wrap("old", "p") } } }),
    { "chpasswd -e", "usermod -L ada" } },
  { "user: the same password", "user", "ada", { password = hash },
    with(ADA, { shadow = { ada = { locked = false, password = taint.wrap(HASH, "p") } } }), {} },
  { "user: locks", "user", "ada", { locked = true }, ADA, { "usermod -L ada" } },
  { "user: goes", "user", "ada", false, ADA, { "userdel ada" } },

  { "file: is right", "file", "/f", { content = "a", mode = "0644", owner = "0" }, found_file("0644", "a"), {} },
  { "file: other mode", "file", "/f", { content = "a", mode = "600" }, found_file("0644", "a"),
    { "owner and mode of /f" } },
  { "file: other content", "file", "/f", { content = "b" }, found_file("0644", "a"), { "write /f" } },
  { "file: says nothing of the content", "file", "/f", { mode = "0644" }, found_file("0644", "a"), {} },
  { "file: goes", "file", "/f", false, found_file("0644", "a"), { "remove /f" } },
  { "directory: is wanted where a link is", "directory", "/f", { force = true },
    { stat = { ["/f"] = { kind = "symlink", target = "/x" } } }, { "make /f" } },
  { "symlink: is right", "symlink", "/f", { to = "/x" },
    { stat = { ["/f"] = { kind = "symlink", target = "/x" } } }, {} },

  { "sysctl: is right", "sysctl", "vm.swappiness", { value = 7 }, { sysctl = { ["vm.swappiness"] = "7" },
    content = { ["/etc/sysctl.d/90-neap-vm.swappiness.conf"] = "# x\nvm.swappiness = 7\n" } }, {} },
  { "sysctl: blanks are blanks", "sysctl", "net.ipv4.tcp_rmem", { value = "1 2  3" },
    { sysctl = { ["net.ipv4.tcp_rmem"] = "1\t2\t3" },
      content = { ["/etc/sysctl.d/90-neap-net.ipv4.tcp_rmem.conf"] = "# x\nnet.ipv4.tcp_rmem = 1 2 3\n" } }, {} },
  { "sysctl: right now, not at boot", "sysctl", "vm.swappiness", { value = 7 },
    { sysctl = { ["vm.swappiness"] = "7" } }, { "write /etc/sysctl.d/90-neap-vm.swappiness.conf" } },

  { "command: in a directory, as a user", "command", "x", { run = "a 'b'", unless = "c", cwd = "/d e", user = "u" },
    { run = { ["exec >/dev/null 2>&1\ncd -- '/d e' || exit 1\nexec su -s /bin/sh u -c c"] = { rc = 1 } } },
    { "cd -- '/d e' || exit 1\nexec su -s /bin/sh u -c 'a '\\''b'\\'''" } },
  { "command: nothing to do", "command", "x", { run = "a", unless = "c" }, { run = { ["exec >/dev/null 2>&1\nc"] = { rc = 0 } } }, {} },
  { "command: only when told", "command", "x", { run = "a", run_on = { "file:/f" } }, {}, {} },
  { "command: what is not taken back", "command", "x", false, {}, {} },
}

for _, case in ipairs(cases) do
  t.case(case[1], function()
    t.equal(planned(case[2], case[3], case[4] or {}, case[5], not case[4]), case[6])
  end)
end

-- { name, type, key, wanted, what the error says }; raised before any host is asked, or by what the host answers
local errors = {
  { "a path with ..", "file", "/a/../b", {}, "plain absolute path" },
  { "a relative path", "directory", "a", {}, "plain absolute path" },
  { "the root", "directory", "/", {}, "cannot be managed" },
  { "a mode of letters", "file", "/f", { mode = "rw" }, "octal digits" },
  { "a validation that names no file", "file", "/f", { content = "x", validate = "visudo -c" }, "by %%s" },
  { "a file in a directory that nobody makes", "file", "/no/f", { content = "x" }, "directory '/no' does not exist" },
  { "a group's name that is an option", "group", "-f", {}, "is no name" },
  { "a user's name with a colon", "user", "a:b", {}, "is no name" },
  { "a comment with a colon", "user", "a", { comment = "x:y" }, "colon" },
  { "a password in clear", "user", "a", { password = "hush" }, "crypt" },
  { "unlocking without a password", "user", "a", { locked = false }, "wants a password" },
  { "a key that is none", "authorized_key", "x", { user = "a", key = "AAAA" }, "line of a .pub file" },
  { "a line of two lines", "line", "x", { path = "/f", line = "a\nb" }, "is one line" },
  { "a broken pattern", "line", "x", { path = "/f", line = "a", match = "[" }, "no Lua pattern" },
  { "a block that holds its marker", "block", "x", { path = "/f", content = "# END neap: x\n" }, "own marker lines" },
  { "a parameter with a blank", "sysctl", "a b", { value = 1 }, "no name of a kernel parameter" },
  { "a host name with an underscore", "hostname", "a_b", {}, "no name of a host" },
  { "an address that is none", "hosts_entry", "10.0.0.1 x", { names = { "a" } }, "an address is written" },
  { "a command that nothing tells to run", "command", "x", { run = "a" }, "by unless or creates" },
  { "a secret in a command", "command", "x", { run = taint.wrap("a", "s"), creates = "/f" }, "give secrets by env" },
}

for _, case in ipairs(errors) do
  t.case("refuses " .. case[1], function()
    local rtype = require("neap.types." .. case[2])
    t.raises(function()
      if rtype.check_key then rtype.check_key(case[3]) end
      planned(case[2], case[3], case[4], {})
    end, case[5])
  end)
end

t.case("a command of which only the absence is recorded is not there", function()
  local rtype = require "neap.types.command"
  t.equal(rtype.probe({}, "x", nil, {}), nil)
  t.equal(rtype.probe({}, "x", nil, { run = "a" }), { run = "a" })
end)

t.case("no secret stands in a script", function()
  local rtype = require "neap.types.command"
  local to = rtype.check("x", { run = "a", creates = "/f", env = { P = taint.wrap("hush hush", "s"), Q = "1" } })
  local step = rtype.steps("x", { kind = "create", to = to, differs = {} })[1]
  t.equal(step.run:find("hush", 1, true), nil)
  t.truthy(taint.is(step.stdin))
  t.equal(taint.reveal(step.stdin), "P='hush hush'; export P\nQ='1'; export Q\n")
end)

t.case("what cannot be looked at is no absence", function()
  local stat = require "neap.questions.stat"
  local said = "stat: cannot statx '/root/x': Permission denied\nstat: cannot statx '/y': No such file or directory\n"
  local answers = stat.parse({ rc = 123, out = "", err = said }, { { "/root/x" }, { "/y" } })
  t.equal(answers[1], { failed = "cannot look at '/root/x': permission denied" })
  t.equal(answers[2], nil)
end)

t.case("a host without xargs is an error, not an empty host", function()
  for _, kind in ipairs { "stat", "sha256", "content", "list", "run", "sysctl" } do
    local question = require("neap.questions." .. kind)
    t.raises(function()
      question.parse({ rc = 127, out = "", err = "sh: xargs: not found" }, { { "/x" } })
    end, "could not answer '" .. kind .. "'")
  end
end)

t.case("a purge keeps what is declared below", function()
  local directory = require "neap.types.directory"
  local attrs = directory.check("/d", { purge = true })
  directory.adopt("/d", attrs, { "/d", "/d/a", "/d/b/c", "/d/b/x", "/dx", "deploy", "/e/d/z" })
  t.equal(attrs.keep, { "a", "b" })
  local stat = { kind = "directory", mode = "0755", owner = "root", group = "root" }
  local found = directory.probe(canned { stat = { ["/d"] = stat }, list = { ["/d"] = { "a", "b", "z" } } }, "/d", attrs)
  t.equal(found.surplus, { "z" })
end)

t.case("a purge without knowing what is declared is refused", function()
  local directory = require "neap.types.directory"
  local attrs = directory.check("/d", { purge = true })
  local host = canned { stat = { ["/d"] = { kind = "directory", mode = "0755" } } }
  local ok, err = pcall(directory.probe, host, "/d", attrs)
  t.truthy(not ok and fault.is(err))
end)

t.case("file: in the place of a link is a file, whatever was there before", function()
  local file = require "neap.types.file"
  local host = {
    expect = function() end, stat = function() return { kind = "file", mode = "0644", owner = "root", group = "root" } end,
    content = function() return "known\n" end,
  }
  local want = { occupied = "symlink", target = "/old", force = true }
  local found = file.probe(host, "/x", want)
  t.equal({ found.occupied, found.content }, { false, "known\n" })
  local change = difference.change(file, found, want)
  t.matches(file.steps("/x", change)[1].run, "\n%[ %-f \"./$n\" %] &&.*ln %-s %-%- /old")
end)

t.case("symlink: brings back a file where another one stands, or nothing", function()
  local symlink = require "neap.types.symlink"
  local want = { occupied = "file", content = "old\n", mode = "0644", force = true }
  local change = difference.change(symlink, { occupied = "file", content = "new\n", mode = "0644" }, want)
  t.matches(symlink.steps("/x", change)[1].run, "\n%[ %-f \"./$n\" %] &&")
  t.equal(symlink.steps("/x", change)[1].stdin, "old\n")
  t.matches(symlink.steps("/x", difference.change(symlink, nil, want))[1].run, "\n%[ ! %-e \"./$n\" %] &&")
  local model = require("neap.engine.model").new()
  symlink.effects("/x", change, model)
  t.equal({ model:get("stat", { "/x" }).kind, (model:get("content", { "/x" })) }, { "file", "old\n" })
  t.equal((model:get("sha256", { "/x" })), crypto.sha256 "old\n")
end)

-- { what, owner and group that are wanted, owner and group as found }
for _, case in ipairs {
  { "by name, where nothing is wanted", {}, { "ada", "8" } },
  { "by number, where that one is wanted", { owner = "7", group = "8" }, { "7", "8" } },
  { "by the number as it is written", { owner = "007" }, { "007", "8" } },
  { "by name, where another number is wanted: what was before Neap has that name", { owner = "9" }, { "ada", "8" } },
} do
  t.case("an owner: " .. case[1], function()
    t.equal({ require("neap.look").owner({ owner = "ada", uid = 7, group = "8", gid = 8 }, case[2]) }, case[3])
  end)
end

-- { what, type, number now, the account that has the wanted one, its line by then, the error }
for _, case in ipairs {
  { "a new group", "group", nil, "old", "old:x:7:", "gid 7 is that of 'old' already" },
  { "a group that gets another", "group", 6, "old", "old:x:7:", "gid 7 is that of 'old' already" },
  { "one that is free by then", "group", 6, "old", "old:x:9:" },
  { "one whose group is gone by then", "group", 6, "old", nil },
  { "its own", "group", 6, "me", "me:x:7:" },
  { "a user", "user", 6, "old", "old:x:7:7::/:/bin/sh", "uid 7 is that of 'old' already" },
} do
  t.case("a number that is another's is an error of the plan: " .. case[1], function()
    local rtype, name = require("neap.types." .. case[2]), case[2] == "user" and "uid" or "gid"
    local database = case[2] == "user" and "getent passwd" or "getent group"
    local host = canned { [database] = { [7] = case[4] .. ":x:7:", [case[4]] = case[5] } }
    local change = { from = case[3] and { [name] = case[3] }, to = { [name] = 7 } }
    local ok, problem = pcall(rtype.foresee, host, "me", change)
    t.equal(not ok and tostring(problem) or nil, case[6])
  end)
end

t.case("user: had no password and was not locked", function()
  local user = require "neap.types.user"
  local change = difference.change(user, { password = hash, locked = true }, { password = false, locked = false })
  t.equal(user.steps("ada", change), { "usermod -p '' ada" })
end)

t.case("the guide shows the group type as it is", function()
  local root = os.getenv "NEAP_TESTS_DIR" .. "/.."
  local guide = assert(io.open(root .. "/docs/writing-types.md")):read("a")
  local group = assert(io.open(root .. "/lua/neap/types/group.lua")):read("a")
  t.equal(guide:match("```lua\n(.-)```\n"), group)
end)
