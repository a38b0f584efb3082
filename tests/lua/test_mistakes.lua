--- Mistakes on the command line and around it, and what its user is told: the program itself, without a host.
local t = require "harness"
local command = require "neap.engine.command"
local fault = require "neap.engine.fault"
local hostlock = require "neap.engine.hostlock"
local moment = require "neap.engine.moment"
local project = require "project"

local neap = os.getenv "NEAP" or "neap"

-- Runs a command line in a new folder with these files: what it prints, and how it exits.
local function shell(files, line)
  local root = project.write(files)
  local pipe <close> = assert(io.popen(("cd %s && %s 2>&1; echo \"exit $?\""):format(root, line:gsub("neap", neap))))
  local out, exit = pipe:read("a"):match("^(.*)exit (%d+)\n$")
  return out:gsub(root .. "/", ""), tonumber(exit)
end

local INVENTORY = 'return { hosts = { web1 = { address = "127.0.0.1", port = 1 } } }'
local BROKEN = 'return { db = "hunter2 }'

-- { command line, exit, what it prints, files }
for _, case in ipairs {
  { "neap lock --for soon", 1, "^'soon' is no time: write 45m, 2h, 1d or 1h30m\n$" },
  { "neap lock --for 99999999999999999999d", 1, "^'99999999999999999999d' is no time" },
  { "neap rollback --before 99999999999999999999d", 1, "no state repository here" },
  { "neap status", 0, "^nothing is recorded in '%.neap/state%.git'; %-%-state names another place\n$", { x = "" } },
  { "neap status -i nosuch.ini", 1, "'nosuch.ini': No such file or directory: name an inventory with %-i" },
  { "neap status --json", 0, '"event":"summary"[^\n]*\n$' },
  { "neap plan site.lua -f 0", 1, "^%-%-forks wants at least one", { ["inventory.lua"] = INVENTORY, ["site.lua"] = "" } },
  { "neap plan site.lua -o x.plan", 4, "^the plan was not saved: 'web1' is not planned;.*\n.*Connection refused\n$",
    { ["inventory.lua"] = INVENTORY, ["site.lua"] = "" } },
  { "neap plan site.lua -e .=1", 1, "^%-e .=1: '.' is no name", { ["inventory.lua"] = INVENTORY, ["site.lua"] = "" } },
  { "chmod 600 s.lua; neap plan site.lua --secrets s.lua", 1, "^s.lua:1: unfinished string\n$",
    { ["inventory.lua"] = 'return { hosts = { web1 = { password = secret "db" } } }', ["site.lua"] = "",
      ["s.lua"] = BROKEN } },
} do
  t.case("told: " .. case[1], function()
    local out, exit = shell(case[4] or { ["inventory.lua"] = INVENTORY }, case[1])
    t.matches(out, case[3])
    t.equal(exit, case[2])
    t.truthy(not out:find("hunter2", 1, true), "a secret is not told")
  end)
end

t.case("a span is not longer than a date can say", function()
  t.raises(function() moment.span "99999999999999999999h" end, "is no span of time: write")
end)

-- A host may say any time of its locks.
for _, since in ipairs { "1e300", "0x1p9999", "-1e18", "9999999999999999", "soon" } do
  t.case("a lock since " .. since, function()
    local lock = hostlock.parse(("\n[lock]\nbusy\nada@ctl\t%s\tapply x\t7\n"):format(since))
    t.equal(hostlock.say(lock), "locked by ada@ctl since some time (apply x)")
  end)
end

t.case("a run that stops since a host is out of reach exits as for that", function()
  local ui = { err = function() end, event = function() end }
  for _, code in ipairs { "unreachable", "timeout", "hostkey", "auth", "sudo" } do
    t.equal(command.complain(ui, fault.new(code, nil, "x")), 4, code)
  end
end)

project.clean()

t.case("memory that ran out is no mistake, wherever it did", function()
  for _, said in ipairs { "not enough memory", "out of memory", "neap/engine/show.lua:74: out of memory" } do
    t.equal(fault.caught(said).code, "memory")
  end
  t.equal(fault.caught("site.lua:3: he says: out of memory"), nil)
end)
