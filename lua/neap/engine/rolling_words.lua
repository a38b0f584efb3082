--- How a run rolls: what the playbook's `rolling { … }` and the command line say.
--     serial       hosts a batch: 2, "10%", or a list of them, the last for all further ones
--     max_fail     so many may fail, 0 or "10%"
--     on_failure   "keep" what was done, "rollback" those that failed, "rollback-all"
--     drain, enable   { on = "hosts", run = "command", timeout_s = 60 }: around the change of each host
local json = require "neap.core.json"
local fault = require "neap.engine.fault"

local said_of = {}

local COMMAND_TIMEOUT_S = 60
local ON_FAILURE = { keep = true, rollback = true, ["rollback-all"] = true }

-- 3 or "3" is so many, "10%" so many of a hundred.
local function read_amount(v)
  local count = math.tointeger(tonumber(v))
  local percent = type(v) == "string" and tonumber(v:match("^(%d+%.?%d*)%%$"))
  if count and count >= 0 then return { count = count } end
  if percent and percent <= 100 then return { percent = percent } end
  return nil, ("wants a number of hosts or a percentage, as in 2 or \"10%%\", got '%s'"):format(tostring(v))
end

local function read_serial(v)
  local list = {}
  for i, one in ipairs(type(v) == "table" and v or { v }) do
    local amount, wrong = read_amount(one)
    if not amount then return nil, "serial " .. wrong end
    if amount.count == 0 or amount.percent == 0 then return nil, "serial: a batch has at least one host" end
    list[i] = amount
  end
  if not list[1] then return nil, "serial: an empty list" end
  return list
end

local function read_commands(v, name, names_of)
  local list = {}
  if type(v) == "table" and v.run then v = { v } end
  for i, one in ipairs(type(v) == "table" and v or { false }) do
    if type(one) ~= "table" or type(one.on) ~= "string" or type(one.run) ~= "string" then
      return nil, name .. " wants { on = \"hosts\", run = \"command\" }, or a list of them"
    end
    for known in pairs(one) do
      if known ~= "on" and known ~= "run" and known ~= "timeout_s" then
        return nil, ("%s has no '%s': it takes on, run, timeout_s"):format(name, tostring(known))
      end
    end
    if one.timeout_s and (math.type(one.timeout_s) ~= "integer" or one.timeout_s < 1) then
      return nil, name .. ": timeout_s wants a whole number of seconds"
    end
    list[i] = { on = names_of(one.on), run = one.run, timeout_s = one.timeout_s or COMMAND_TIMEOUT_S }
  end
  return list
end

local read = {
  serial = read_serial,
  max_fail = function(v)
    local amount, wrong = read_amount(v)
    return amount, wrong and "max_fail " .. wrong
  end,
  on_failure = function(v)
    if ON_FAILURE[v] then return v end
    return nil, ("on_failure is \"keep\", \"rollback\" or \"rollback-all\", not '%s'"):format(tostring(v))
  end,
  drain = function(v, names_of) return read_commands(v, "drain", names_of) end,
  enable = function(v, names_of) return read_commands(v, "enable", names_of) end,
}

--- What `rolling { … }` of a playbook says, added to `said`.
-- @param names_of function(pattern) -> names of hosts
-- @return nil, or what is wrong
function said_of.read(given, said, names_of)
  for name, value in pairs(given) do
    if not read[name] then
      return ("rolling has no '%s': it takes serial, max_fail, on_failure, drain, enable"):format(tostring(name))
    end
    if said[name] ~= nil then return ("rolling: '%s' was said before on this host"):format(name) end
    local wrong
    said[name], wrong = read[name](value, names_of)
    if wrong then return "rolling: " .. wrong end
  end
end

local function split(text)
  local list = {}
  for one in text:gmatch("[^,%s]+") do list[#list + 1] = one end
  return list
end

local function option(name, value)
  local made, wrong = read[name](value)
  if wrong then fault.raise("usage", nil, "--%s: %s", name:gsub("_", "-"), wrong) end
  return made
end

--- What the command line says; raises a fault where it makes no sense.
function said_of.options(opts)
  return {
    serial = opts.serial and option("serial", split(opts.serial)), max_fail = opts.max_fail and
    option("max_fail", opts.max_fail), on_failure = opts.on_failure and option("on_failure", opts.on_failure),
  }
end

local SHARED = { "serial", "max_fail", "on_failure" }

local function texts_of(amounts)
  local texts = {}
  for i, one in ipairs(amounts[1] and amounts or { amounts }) do
    texts[i] = one.count and tostring(one.count) or one.percent .. "%"
  end
  return texts
end

local function text_of(amounts) return table.concat(texts_of(amounts), ", ") end

local function kept_commands(commands)
  local list = json.array {}
  for i, one in ipairs(commands) do
    list[i] = { on = table.concat(one.on, ","), run = one.run, timeout_s = one.timeout_s }
  end
  return list
end

--- What was read, as it is recorded for a way back: in the words of a playbook, the hosts of `on` by name. nil where
-- nothing was said.
function said_of.kept(said)
  if not said or next(said) == nil then return nil end
  return {
    serial = said.serial and json.array(texts_of(said.serial)), max_fail = said.max_fail and text_of(said.max_fail),
    on_failure = said.on_failure, drain = said.drain and kept_commands(said.drain),
    enable = said.enable and kept_commands(said.enable),
  }
end

--- What was read, from what is recorded of it; or nil and what is wrong.
function said_of.from_kept(kept)
  local said = {}
  local wrong = said_of.read(kept, said, split)
  if wrong then return nil, wrong end
  return said
end

-- One for the whole run; the playbook must say the same for all hosts that it says it for.
local function shared(self, name, given)
  local value, first = given[name], nil
  if value ~= nil then return value end
  for _, host in ipairs(self.hosts) do
    local said = host.plan and host.plan.desired.rolling or {}
    local one = said[name]
    if one ~= nil then
      local text = type(one) == "table" and text_of(one) or one
      if first and first.text ~= text then
        fault.raise("playbook", nil, "rolling: %s is %s on host '%s' and %s on host '%s': it is one for the whole run",
          name, first.text, first.host, text, host.name)
      end
      first, value = first or { text = text, host = host.name }, one
    end
  end
  return value
end

--- Settles how this run rolls; raises a fault where that cannot be.
-- @return { serial = list|nil, max_fail = amount|nil, on_failure = "keep"|… }
function said_of.settle(self)
  local given, settings = said_of.options(self.opts), {}
  for _, name in ipairs(SHARED) do settings[name] = shared(self, name, given) end
  settings.on_failure = settings.on_failure or "keep"
  return settings
end

return said_of
