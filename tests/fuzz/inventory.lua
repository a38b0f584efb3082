--- The readers of inventories: the first line names one (ini, yaml, lua), the second is a pattern that chooses hosts.
local limit = require "neap.inventory.limit"
local Model = require "neap.inventory.model"
local must = require "must"
local sandbox = require "neap.engine.sandbox"
local telling = require "telling"
local variables = require "neap.engine.variables"

local READERS = { ini = true, yaml = true, lua = true }
local LIMITS = { instructions = 1000000, memory_bytes = 32 * 1024 * 1024, match_steps = 1000000 }

local function read(model, reader, text)
  require("neap.inventory." .. reader)(model, { path = "hosts", text = text }, {})
  model:finish()
  for _, host in ipairs(model.hosts) do
    host.vars, host.origins = variables.merge(model:layers(host))
    model:settle(host)
  end
  model:warn_of_twins()
end

local function choose(model, reader, text, pattern)
  if reader == "lua" then sandbox.run(LIMITS, read, model, reader, text) else read(model, reader, text) end
  must(#limit.select(model, "all") == #model.hosts, "all are not all")
  limit.select(model, pattern, { strict = true })
end

return function(input)
  local reader, pattern, text = input:match("^(%l+)\n([^\n]*)\n(.*)$")
  if not READERS[reader] then return end
  local model = Model.new()
  telling.try(choose, model, reader, text, pattern)
  return #model.hosts
end
