--- What a saved plan's file keeps of values, and what it refuses.
local t = require "harness"
local json = require "neap.core.json"
local planfile = require "neap.engine.planfile"
local saved = require "neap.engine.saved"
local sys = require "neap.core.sys"
local taint = require "neap.core.taint"

local known = { pw = taint.new("hunter2-hunter2", "pw"), user = taint.new("hunter2", "user") }

local function there_and_back(value)
  return planfile.value(json.decode(json.encode(planfile.plain(value, known))))
end

for _, case in ipairs {
  { "text, numbers, truth", { a = "x", b = 3, c = 1.5, d = true, e = false } },
  { "what is no text", { "\0\255\1", "caf\xc3\xa9", "" } },
  { "lists, empty ones too", { list = json.array {}, of = { { 1 }, { x = "y" } } } },
} do
  t.case("kept: " .. case[1], function() t.equal(there_and_back(case[2]), case[2]) end)
end

t.case("an empty list stays one", function() t.equal(json.encode(there_and_back(json.array {})), "[]") end)

t.case("functions, types and declarations are left out", function()
  t.equal(there_and_back { f = print, rtype = { 1 }, declaration = { 2 }, id = "x" }, { id = "x" })
end)

local secrets = {
  { "a secret alone", known.pw, "<secret:pw>" },
  { "in a text", "a " .. known.pw .. " b\n", "a <secret:pw> b\n" },
  { "one that begins like another", known.user .. ":" .. known.pw .. known.user, "<secret:user>:<secret:pw><secret:user>" },
  { "one that nobody knows by name", "x" .. taint.new("s3cr3t-value", "other"), "<secret:other>" },
}
for _, case in ipairs(secrets) do
  t.case("secret: " .. case[1], function()
    local back = there_and_back { v = case[2] }.v
    t.truthy(taint.is(back))
    t.equal(taint.reveal(back), taint.reveal(case[2]))
    t.equal(tostring(back), case[3])
  end)
end

local planbody = require "neap.engine.planbody"
local types = require("neap.engine.types").new()

-- The body of a plan of one host, with something of it otherwise.
local function body_with(change)
  local group = { type = "group", key = "g", id = "group:g", attrs = { gid = 1 }, meta = {} }
  local told = { inventory = {}, flags = {}, hosts = { {
    name = "web1", list = { group }, changes = { { id = "group:g", kind = "create", differs = {}, notes = {} } },
  } } }
  if change then change(told, told.hosts[1], group) end
  return told
end

for _, case in ipairs {
  { "hosts that are none", function(told) told.hosts = 3 end },
  { "a host without a name", function(_, host) host.name = nil end },
  { "a change without a kind", function(_, host) host.changes[1].kind = nil end },
  { "a change of a kind that is none", function(_, host) host.changes[1].kind = "x" end },
  { "a change that does not say what differs", function(_, host) host.changes[1].differs = nil end },
  { "a resource that waits for nothing", function(_, _, group) group.meta.wait = { {} } end },
  { "a name that the type does not take", function(_, _, group) group.key, group.id = "a b", "group:a b" end },
  { "a resource without attributes", function(_, _, group) group.attrs = nil end },
  { "a change of no resource", function(_, host) host.changes[1].id = "group:h" end },
  { "a resource by another's name", function(_, _, group) group.key = "h" end },
  { "an option that is none of its kind", function(told) told.flags.prune = "yes" end },
  { "a value that its type does not take", function(_, _, group) group.attrs.gid = "1; reboot" end },
} do
  t.case("the body is no plan's: " .. case[1], function()
    local sound, told = body_with(), body_with(case[2])
    t.truthy(planbody.fits(sound) and planbody.complete(sound.hosts[1], types))
    t.truthy(not (planbody.fits(told) and planbody.complete(told.hosts[1], types)))
  end)
end

local dir = os.tmpname()
os.remove(dir)
assert(sys.mkdir(dir, 448))
local path, opts = dir .. "/plan", { state = dir .. "/state.git" }

local function rewritten(change)
  planfile.write(path, opts, { id = "1", made = 1, expires = 2 }, planfile.plain({ x = known.pw }, known))
  local text = change(sys.read_file(path))
  if text then sys.write_file(path, text, 384) end
  return function() return planfile.read(path, { state = opts.state }) end
end

t.case("written for its owner, sealed, and read back", function()
  local head, body = rewritten(function() end)()
  t.equal(head.id, "1")
  t.equal(taint.reveal(planfile.value(body).x), "hunter2-hunter2")
  t.equal(sys.stat(path).mode, 384)
  t.truthy(not sys.read_file(path):find("hunter2", 1, true))
  t.truthy(planfile.is(path))
  t.truthy(not planfile.is(dir .. "/none"))
end)

for _, case in ipairs {
  { "its first line changed", function(s) return (s:gsub('"id":"1"', '"id":"2"')) end, "it was changed" },
  { "a longer life", function(s) return (s:gsub('"expires":2', '"expires":9')) end, "it was changed" },
  { "a byte of the seal", function(s) return (s:gsub("(sealed%-1:....).", "%1*")) end, "it was changed" },
  { "cut short", function(s) return s:sub(1, -20) end, "it is not complete" },
  { "without its seal", function(s) return s:match("^[^\n]*\n") end, "it is not complete" },
  { "of another version", function(s) return (s:gsub("^neap%-plan%-1", "neap-plan-9")) end, "another version of neap" },
  { "a first line that is no JSON", function(s) return (s:gsub("{", "[", 1)) end, "its first line was changed" },
} do
  t.case("refused: " .. case[1], function()
    local read = rewritten(case[2])
    t.raises(read, "is no plan that can be carried out: " .. case[3])
    t.raises(read, "make a new one with neap plan %-o")
  end)
end

t.case("refused: the key is another, or not there", function()
  rewritten(function() end)
  assert(sys.mkdir(dir .. "/other"))
  local other = { state = dir .. "/other/state.git" }
  t.raises(function() planfile.read(path, other) end, "the key that it was sealed with is not beside")
  require("neap.engine.project").create(other)
  t.raises(function() planfile.read(path, other) end, "the key of another project")
end)

t.case("of options, a plan settles those that it keeps, and no others", function()
  local told = body_with(function(body) body.flags = { prune = true, limit = "all", playbook = 5 } end)
  told.playbook, told.hosts = "site.lua", json.array {}
  planfile.write(path, opts, { id = "1", made = 1, expires = 99999999999 }, planfile.plain(told))
  local run = { state = opts.state, serial = "2" }
  saved.open(path, run)
  t.equal({ run.prune, run.serial, run.limit, run.playbook }, { true, "2", {}, "site.lua" })
end)

os.execute("rm -rf " .. dir)
