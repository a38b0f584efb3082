-- The least that has to work: one login, one flight of requests.
local t = require "harness"
local s = require "ssh_host"

s.case("a prologue and three requests over one connection", { prologue = "echo hello" }, function(conn)
  t.equal(conn.prologue.out, "hello\n")
  local rs = conn:requests { { script = "cat", stdin = "a\0b" }, { script = "exit 3" }, { script = "echo x >&2", capture = true } }
  t.equal(rs, { { rc = 0, out = "a\0b", err = "" }, { rc = 3, out = "", err = "" }, { rc = 0, out = "", err = "x\n" } })
end)
