--- Waits until something answers: a port, or a command that succeeds.
-- What comes after it in the playbook can count on it.
-- @usage wait_for "database" { port = 3306, address = "10.0.0.11", timeout_s = 120 }
-- @usage wait_for "schema" { command = "mysql app -e 'DESCRIBE items'" }
local look = require "neap.look"
local reach = require "neap.reach"

local wait_for = {
  name = "wait_for", key = "label", live = true,
  attributes = {
    port = { type = "integer", option = true, doc = "A TCP port that must accept a connection." },
    address = { type = "string", option = true, default = "127.0.0.1", doc = "The address of that port." },
    command = { type = "string", option = true, doc = "A command that only looks and must succeed." },
    timeout_s = { type = "integer", option = true, default = 60, doc = "After how many seconds to give up." },
    ready = { type = "boolean", default = true, doc = "What is waited for; there is no other." },
  },
}

function wait_for.check(_, attrs)
  if attrs.ready == false then error("there is no waiting for something to end", 0) end
  return reach.check(attrs)
end

function wait_for.probe(host, _, want)
  if not want then return nil end
  return { ready = look.succeeds(host, reach.script(want)) }
end

function wait_for.steps(key, change)
  if not change.to then return {} end
  return {
    { run = reach.wait(change.to, change.to.timeout_s), title = "wait for " .. key,
      timeout_ms = (change.to.timeout_s + 30) * 1000 },
  }
end

wait_for.rollback = { momentary = true }

return wait_for
