--- From a host's answers to the steps that would be taken, and to what is shown and recorded: the first line names a
-- resource of every_type.lua (any other text stands for one, too), the answers follow in the order of asking.
local answers = require "answers"
local ask = require "neap.engine.ask"
local crypto = require "neap.core.crypto"
local difference = require "neap.engine.difference"
local entry_of = require "neap.engine.entry"
local evaluate = require "neap.engine.evaluate"
local frozen = require "neap.engine.frozen"
local HostModel = require "neap.engine.model"
local Model = require "neap.inventory.model"
local must = require "must"
local plan = require "neap.engine.plan"
local show = require "neap.engine.show"
local taint = require "neap.core.taint"
local Ui = require "neap.ui"

local function new_key()
  local name = os.tmpname()
  os.remove(name)
  local key = assert(crypto.load_key(name, { create = true }))
  os.remove(name)
  return key
end
local key = new_key()
local MOST_ROUNDS = 50

local function resources()
  local model = Model.new()
  model:host("web1", "here")
  model:finish()
  local here = debug.getinfo(1, "S").source:match("^@(.*)/")
  local project = evaluate.project(here .. "/every_type.lua", model, { placeholder = true })
  local by_id, has = evaluate.host(project, model.hosts[1], { facts = {} }).by_id, {}
  for _, resource in pairs(by_id) do has[resource.type] = true end
  for _, name in ipairs(project.types:names()) do must(has[name], name .. " is not in tests/fuzz/every_type.lua") end
  local ids = frozen.keys(by_id)
  return function(title) return by_id[title] or by_id[ids[#title % #ids + 1]] end -- no need to guess names
end
local resource_of = resources()

-- A connection on which the answers come.
local function connection(next_answer)
  local rounds = 0
  return { requests = function(_, requests)
    rounds = rounds + 1
    must(rounds <= MOST_ROUNDS, "it asks for ever")
    local replies = {}
    for i in ipairs(requests) do replies[i] = next_answer() end
    return replies
  end }
end

-- All that is shown, which must be harmless to a terminal.
local function look(change)
  local ui = Ui.new { color = false, verbose = 1 }
  local shown = {}
  function ui:line(text) shown[#shown + 1] = text end
  show.plans({ { name = "web1", changes = { change } } }, ui)
  must(not table.concat(shown, "\n"):find("[%z\1-\8\11-\31\127]"), "a control character is shown")
end

local function follow(resource, found)
  local want = not resource.absent and resource.attrs or nil
  plan.hide(found, want)
  entry_of.files("web1", resource, found or false, "", key)
  local change = difference.change(resource.rtype, found, want)
  if not change then return end
  change.id, change.resource, change.notes = resource.id, resource, {}
  look(change)
  if resource.rtype.steps then
    for _, step in ipairs(resource.rtype.steps(resource.key, change, {})) do
      must(type(step) == "string" or step.run and not taint.is(step.run), "a step is no command")
    end
  end
  if resource.rtype.effects then resource.rtype.effects(resource.key, change, HostModel.new()) end
end

return function(input)
  local title, next_answer = answers.of(input)
  local resource = resource_of(title)
  local job = plan.probe(ask.new(connection(next_answer), {}), { resource })[1]
  if job.unknown then return end
  if job.error then error(job.error, 0) end
  follow(resource, job.found)
end
