--- A check from the host's own point of view: a port, a page, a command.
-- It changes nothing. The plan says when it does not pass now; an apply tries for a few seconds, and fails when it does
-- not pass by then.
-- @usage check "site" { url = "http://10.0.0.100/health", status = 200, body = "ok" }
-- @usage check "mail" { port = 25 }
local look = require "neap.look"
local reach = require "neap.reach"

local check = {
  name = "check", key = "label", live = true,
  attributes = {
    port = { type = "integer", option = true, doc = "A TCP port that must accept a connection." },
    address = { type = "string", option = true, default = "127.0.0.1", doc = "The address of that port." },
    url = { type = "string", option = true, doc = "A page to ask for; redirections are not followed." },
    host = { type = "string", option = true, doc = "The name to ask for it by, where that is not the address's." },
    status = { type = "integer", option = true, default = 200, doc = "The status that the page must answer with." },
    body = { type = "string", option = true, doc = "A text that must stand in the page." },
    command = { type = "string", option = true, doc = "A command that only looks and must succeed." },
    timeout_s = { type = "integer", option = true, default = 10, doc = "For how many seconds an apply tries." },
    passes = { type = "boolean", default = true, doc = "What is wanted; there is no other." },
  },
}

function check.check(_, attrs)
  if attrs.passes == false then error("a check that should fail is no check: say it as a command", 0) end
  if type(attrs.body) == "string" and attrs.body:find("[\n%z]") then error("body is one line", 0) end
  if attrs.host and not attrs.host:find("^[%w.:-]+$") then
    error(("'%s' is no name of a host"):format(attrs.host), 0)
  end
  return reach.check(attrs)
end

function check.probe(host, _, want)
  if not want then return nil end
  return { passes = look.succeeds(host, reach.script(want)) }
end

function check.steps(key, change)
  if not change.to then return {} end
  return {
    { run = reach.wait(change.to, change.to.timeout_s), title = "check " .. key,
      timeout_ms = (change.to.timeout_s + 60) * 1000 },
  }
end

check.rollback = { momentary = true }

return check
