--- The home that comes with a new user, as the plan knows it.
local t = require "harness"
local Model = require "neap.engine.model"
local user = require "neap.types.user"

local HOME = "/home/ada"

-- The model after a user was made, on a host of which this is known: { kind, argument, answer } …
local function after(heard, to, from)
  local answers = { stat = { [HOME] = { answer = nil } }, list = {}, content = {}, getent = {} }
  for _, one in ipairs(heard) do answers[one[1]][one[2]] = { answer = one[3] } end
  local model = Model.new(answers)
  user.effects("ada", { kind = from and "update" or "create", from = from, to = to, differs = {} }, model)
  return model
end

-- { what, what is known, what is wanted, what a stat of the home says }
local DEFS = { "content", "/etc/login.defs", "# HOME_MODE 0111\nUMASK\t\t022\n" }
for _, case in ipairs {
  { "his own", { DEFS }, { uid = 7 }, { kind = "directory", mode = "0755", owner = "ada", group = "ada", uid = 7 } },
  { "with the mode for homes", { { "content", "/etc/login.defs", "UMASK 022\nHOME_MODE\t0700\n" } }, {},
    { kind = "directory", mode = "0700", owner = "ada", group = "ada" } },
  { "with a mask", { { "content", "/etc/login.defs", "UMASK 077\n" } }, {},
    { kind = "directory", mode = "0700", owner = "ada", group = "ada" } },
  { "where nothing is said", { { "content", "/etc/login.defs", nil } }, {},
    { kind = "directory", mode = "0755", owner = "ada", group = "ada" } },
  { "of his group", { DEFS, { "getent", "group\0" .. "8", "ops:x:8:" } }, { group = "8" },
    { kind = "directory", mode = "0755", owner = "ada", group = "ops", gid = 8 } },
  { "there already", { DEFS, { "stat", HOME, { kind = "directory", mode = "0750" } } }, {}, { kind = "directory", mode = "0750" } },
  { "of a system user: none", { DEFS }, { system = true }, nil },
  { "of one who is to have none", { DEFS }, { create_home = false }, nil },
} do
  t.case("a home: " .. case[1], function() t.equal((after(case[2], case[3]):get("stat", { HOME })), case[4]) end)
end

t.case("a user who is there gets no home", function() t.equal((after({ DEFS }, {}, {}):get("stat", { HOME })), nil) end)

t.case("what is not known of a home is known after the apply", function()
  t.equal({ after({}, {}):get("stat", { HOME }) }, { nil, false })
  local model = after({
    DEFS, { "list", "/etc/skel", { ".bashrc" } }, { "stat", HOME .. "/.bashrc" }, { "stat", HOME .. "/x" }, { "list", "/home", {} },
  }, {})
  t.equal(model:edit("stat", HOME .. "/.bashrc").unknown, "it may come from /etc/skel")
  t.equal({ model:get("stat", { HOME .. "/x" }) }, { nil, true })
  t.equal((model:get("list", { HOME })), { ".bashrc" })
  t.equal((model:get("list", { "/home" })), { "ada" })
end)
