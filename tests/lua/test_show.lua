--- How a change is shown: what was said of something new is, without -v; what comes of itself is not.
local t = require "harness"
local fake = require "fake_host"
local show = require "neap.engine.show"
local taint = require "neap.core.taint"

local account = {
  name = "account", key = "name", attributes = {
    groups = { type = "list" }, shell = { type = "string" }, login = { type = "boolean", default = true },
    version = { type = "string" }, disabled = { type = "boolean", readonly = true },
    keep = { type = "boolean", option = true },
  },
}

local function lines(change, attrs, minor, rtype)
  change.resource, change.notes = fake.resource("ada", attrs, {}, rtype or account), {}
  change.differs = change.differs or {}
  local out = {}
  for _, line in ipairs(show.change(change)) do
    if (line.minor or false) == (minor or false) then out[#out + 1] = line.text end
  end
  return out
end

t.case("of something new, what was said of it stands in every plan", function()
  local attrs = { groups = { "sudo" }, login = true, disabled = false, keep = true }
  local to = { groups = { "sudo" }, login = true, disabled = false, version = "1.2" }
  t.equal(lines({ kind = "create", to = to }, attrs), { "  + account ada", "    groups: [sudo]" })
  t.equal(lines({ kind = "create", to = to }, attrs, true),
    { "    disabled: false", "    login: true", "    version: 1.2" }, "what -v adds")
end)

t.case("a value that is cut short shows no part of a secret that it cuts through", function()
  taint.new("hush-hush-hush", "s")
  t.equal(show.value(("x"):rep(95) .. "hush-hush-hush" .. "y"), ("x"):rep(95) .. "<secr…")
end)

t.case("one that is not what it is by default is said, too", function()
  t.equal(lines({ kind = "create", to = { login = false } }, { login = false }), { "  + account ada", "    login: false" })
end)

t.case("an update shows what differs, and a removal no attributes", function()
  local from, to = { shell = "/bin/sh", groups = {} }, { shell = "/bin/bash", groups = {} }
  t.equal(lines({ kind = "update", from = from, to = to, differs = { shell = true } }, to),
    { "  ~ account ada", "    shell: /bin/sh → /bin/bash" })
  t.equal(lines({ kind = "delete", from = from }, nil), { "  - account ada" })
end)

t.case("of several texts it is said which a diff is of", function()
  local rtype = { name = "pair", attributes = { a = { type = "string", blob = true }, b = { type = "string", blob = true } } }
  t.equal(lines({ kind = "create", to = { a = "1\n", b = "2\n" } }, {}, false, rtype),
    { "  + pair ada", "    a:", "    @@ -0,0 +1 @@", "    +1", "    b:", "    @@ -0,0 +1 @@", "    +2" })
end)

t.case("how a state moved is said of what was looked at", function()
  local saw, found = { shell = "/bin/sh", uid = 1, seen = 2 }, { shell = "/bin/bash", uid = 1, seen = 3 }
  t.equal(show.moved(account, saw, found, { shell = true, uid = true }), "shell: /bin/sh → /bin/bash")
  t.equal(show.moved(account, saw, nil, { shell = true }), "it is not there")
  t.equal(show.moved(account, nil, found, { shell = true }), "it is there")
end)

t.case("a secret that ends a line hides no newline", function()
  taint.new("hush-hush-file\n", "f")
  t.equal(show.text_diff("content", "a\nhush-hush-file\n", "b\nhush-hush-file\n"),
    "--- content\n+++ content\n@@ -1,2 +1,2 @@\n-a\n+b\n <secret:f>\n")
end)
