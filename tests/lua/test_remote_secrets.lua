-- Secrets on their way to a host: taken as they are, where they may stand, and refused where they would show.
local t = require "harness"
local loop = require "neap.core.loop"
local remote = require "neap.core.remote"
local taint = require "neap.core.taint"

local function connect(more)
  local options = { name = "nobody", address = "127.0.0.1", port = 1, user = "root", connect_timeout_ms = 2000 }
  for name, value in pairs(more) do options[name] = value end
  return loop.run(function()
    local conn, message, code = remote.connect(options)
    return conn, message, code
  end)
end

t.case("passwords may be secrets", function()
  local ok, conn, _, code = connect { password = taint.new("hunter22", "ssh"), become_password = taint.new("hunter23", "sudo") }
  t.equal({ok, conn}, {true})
  t.equal(conn, nil)
  t.equal(code, "unreachable")
end)

t.case("a user's name may not", function()
  local ok, message = connect { user = taint.new("hunter22", "ssh") }
  t.equal(ok, false)
  t.matches(message, "'user' must be a string")
end)
