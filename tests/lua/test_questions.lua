-- Questions, asked of this machine under each shell that a host may have: names of all sorts, things in odd places.
local t = require "harness"
local Host = require "local_host"
local crypto = require "neap.core.crypto"

local NAMES = {
  "plain", "with blank", "new\nline", "-dash", "quote'\"", "back\\slash", "$(x)`y`", "*", "tab\t", "\255",
}

local function ask(host, kind, list)
  local question = require("neap.questions." .. kind)
  local script, stdin = question.script(list)
  return question.parse(host:request { script = script, stdin = stdin }, list)
end

local function paths(host, names)
  local list = {}
  for i, name in ipairs(names) do list[i] = { host.dir .. "/" .. name } end
  return list
end

local function write(path, bytes)
  local f = assert(io.open(path, "wb"))
  f:write(bytes)
  f:close()
end

local function each_shell(name, fn)
  for _, shell in ipairs(Host.shells()) do
    t.case(("%s (%s)"):format(name, shell), function()
      local host <close> = setmetatable(Host.new { shell = shell }, { __index = Host, __close = Host.close })
      fn(host)
    end)
  end
end

each_shell("names of all sorts", function(host)
  local list = paths(host, NAMES)
  for i, args in ipairs(list) do write(args[1], "content\n\0of " .. i) end
  table.insert(list, 3, { host.dir .. "/not there" })
  local stat, sha256, content = ask(host, "stat", list), ask(host, "sha256", list), ask(host, "content", list)
  for i in ipairs(list) do
    local of = i > 3 and i - 1 or i
    local bytes = i ~= 3 and "content\n\0of " .. of or nil
    t.equal(stat[i] and stat[i].kind, bytes and "file")
    t.equal(stat[i] and stat[i].size, bytes and #bytes)
    t.equal(sha256[i], bytes and crypto.sha256(bytes))
    t.equal(content[i], bytes)
  end
  local sorted = table.move(NAMES, 1, #NAMES, 1, {})
  table.sort(sorted)
  t.equal(ask(host, "list", { { host.dir }, { host.dir .. "/plain" }, { host.dir .. "/no" } }), { sorted })
end)

each_shell("a link whose target looks like another record", function(host)
  local target = "x\n81a4:644:0:0:0:root:root:" .. host.dir .. "/b"
  assert(host:sh("ln -s '" .. target .. "' a"))
  local stat = ask(host, "stat", paths(host, { "a", "b" }))
  t.equal(stat[1].target, target)
  t.equal(stat[2], nil)
end)

each_shell("no file: its content and hash are nothing, and nobody waits for it", function(host)
  host:sh("mkfifo pipe; mkdir dir; ln -s nowhere link; ln -s /dev/zero zero")
  local list = paths(host, { "pipe", "dir", "link", "zero", "dir/x/y" })
  t.equal(ask(host, "content", list), {})
  t.equal(ask(host, "sha256", list), {})
  t.equal(ask(host, "stat", paths(host, { "pipe" }))[1].kind, "other")
  t.equal(ask(host, "list", paths(host, { "link", "pipe", "dir" })), { [3] = {} })
end)

each_shell("what is read is no file that a stranger leads to", function(host)
  if not Host.is_root() then return end
  host:sh("echo hush >hush; mkdir in; echo hush >in/hush; mkdir d; chown 1 d; ln -s ../hush d/link; ln -s ../in d/way" ..
    "; ln -s in way; mkdir d/own; echo own >d/own/f; chown -R -h 1 d")
  local content = ask(host, "content", paths(host, { "d/link", "d/way/hush", "way/hush", "d/own/f" }))
  for i = 1, 2 do t.matches(content[i].failed, "it is not read") end
  t.equal({ content[3], content[4] }, { "hush\n", "own\n" })
end)

each_shell("a file in whose place a link stands while it is opened is not read", function(host)
  host:sh("echo mine >f; echo hush >hush")
  local question = require "neap.questions.content"
  local script, stdin = question.script(paths(host, { "f" }))
  local swap = ("T='%s'\nhead() { command head \"$@\"; r=$?; rm \"$T/f\"; ln -s hush \"$T/f\"; return $r; }\n"):format(host.dir)
  local planted = ("T='%s'\nenter() { command cd \"$1\" && rm f && ln -s hush f; }\n"):format(host.dir)
  local r = host:request { script = swap .. script, stdin = stdin }
  t.matches(question.parse(r, paths(host, { "f" }))[1].failed, "it is not read")
  host:sh("rm f; echo mine >f")
  r = host:request { script = script:gsub("read_in%(%)", function() return planted .. "read_in()" end), stdin = stdin }
  t.matches(question.parse(r, paths(host, { "f" }))[1].failed, "it is not read")
end)

each_shell("a file that is too large says so", function(host)
  host:sh("dd if=/dev/zero of=big bs=1048576 count=5 2>/dev/null; echo small >small")
  local content = ask(host, "content", paths(host, { "big", "small" }))
  t.matches(content[1].failed, "is larger than the 4 MiB")
  t.equal(content[2], "small\n")
end)

each_shell("scripts that look", function(host)
  local r = ask(host, "run", { { "echo out; echo err >&2; exit 3" }, { "cat; echo \"$n\"" }, { "false" } })
  t.equal(r, {
    { rc = 3, out = "out\n", err = "err\n" }, { rc = 0, out = "\n", err = "" }, { rc = 1, out = "", err = "" },
  })
end)

each_shell("users, groups and kernel parameters", function(host)
  local r = ask(host, "getent", { { "passwd", "root" }, { "group", "no-such" }, { "group", "0" }, { "passwd", "0" } })
  t.matches(r[1], "^root:x:0:0:")
  t.equal(r[2], nil)
  t.matches(r[3], "^root:x:0:")
  t.equal(r[4], r[1])
  local sysctl = ask(host, "sysctl", { { "kernel.ostype" }, { "no.such" }, { "net/ipv4/conf/lo/forwarding" } })
  t.equal(sysctl[1], "Linux")
  t.equal(sysctl[2], nil)
  t.matches(sysctl[3], "^[01]$")
  t.equal(#ask(host, "groups", { { "nobody-at-all" } })[1], 0)
end)

t.case("a line of a database that is none is not taken for one", function()
  local out = "= passwd\nada:x:1:2:A:/home/ada:/bin/sh\nbob:x:1|:3::/\nbob:x:5\n= group\nada:x:1\nbob:x:2:\n"
  local r = require("neap.questions.getent").parse({ rc = 0, out = out, err = "" },
    { { "passwd", "ada" }, { "passwd", "bob" }, { "passwd", "1" }, { "group", "ada" }, { "group", "2" } })
  t.equal(r, {
    "ada:x:1:2:A:/home/ada:/bin/sh", { failed = "what the host has of 'bob' in its database passwd is no line of that" },
    "ada:x:1:2:A:/home/ada:/bin/sh", { failed = "what the host has of 'ada' in its database group is no line of that" },
    "bob:x:2:",
  })
end)

t.case("an answer with NUL is refused, but where it is bytes that were asked for", function()
  local function round(out)
    return require("neap.engine.ask").new({ requests = function() return { { rc = 0, out = out, err = "" } } end }, {})
  end
  t.raises(function() round("81a4:600:0:0:4:root:adm:/e\0\n"):one("stat", "/e") end, "^the host's answer to 'stat' has a NUL byte")
  t.equal(round("0123456789abcdef\na\0\n0123456789abcdef 0\n"):one("content", "/e"), "a\0")
end)

t.case("a name with NUL is refused", function()
  t.raises(function() require("neap.questions.stat").script { { "/a\0b" } } end, "NUL")
end)

-- What a type or a question says in a sentence reaches the operator as that; a mistake keeps its traceback.
local function asked(run)
  local round = require("neap.engine.ask").new({
    requests = function(_, requests)
      local replies = {}
      for i in ipairs(requests) do replies[i] = { rc = 1, out = "", err = "no such tool" } end
      return replies
    end,
  }, {})
  local job = { run = run }
  round:run { job }
  return job.error
end

-- { place, find's pattern for it }
for _, case in ipairs {
  { "/home/ada", "/home/ada" }, { "/home/ada/", "/home/ada" }, { "/home/*", "/home/\\*" }, { "/", "/nonexistent" },
  { "/home/a[b]?", "/home/a\\[b]\\?" },
} do
  t.case("what a user has is looked for outside " .. case[1] .. " and nothing else", function()
    local text = require("neap.questions.holdings").script { { "ada", "/home/bob", case[1] } }
    t.equal(text:match("[^\n]*\n$"), require "neap.sh"("look %s %s %s\n", "ada", "/home/bob", case[2]))
  end)
end

t.case("a sentence of a probe has no traceback", function()
  t.equal(asked(function() error("the server is not well", 0) end), "the server is not well")
  t.matches(asked(function() return nil .. "" end), "%.lua:%d+: .*\nstack traceback:")
end)

t.case("that a host cannot answer a question is a fault", function()
  local ok, problem = pcall(asked, function(host) return host:pending("x") end)
  t.truthy(not ok and require("neap.engine.fault").is(problem), "a fault")
  t.equal({ problem.code, problem.message }, { "failed", "the host could not answer 'pending' (status 1): no such tool" })
end)

each_shell("whose a path is", function(host)
  local found = ask(host, "owners", { { "/usr/bin/env" }, { host.dir .. "/none" }, { "/usr/bin/en*" }, { "/usr/share/doc" } })
  t.equal(found[1], { "coreutils" })
  t.equal(found[2], {})
  t.equal(found[3], {})
  t.truthy(#found[4] > 5, "packages with documentation")
end)
