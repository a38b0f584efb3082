--- A host that answers from tables, for tests of the engine alone: its
-- "files" are what a made-up type `thing` probes and changes.
--
--     local host = fake_host.new { a = { size = 1 } }
--     host.things.a.size, host.log (scripts that ran), host.rounds, host.real (where directories lead)
local ask = require "neap.engine.ask"

local fake_host = {}

-- Questions of the made-up kinds; their scripts name what they ask.
local function asking(kind)
  return {
    name = kind,
    script = function(args)
      local names = {}
      for i, arg in ipairs(args) do names[i] = arg[1] end
      return "ask-" .. kind .. " " .. table.concat(names, " ")
    end,
    parse = function(reply, args)
      local answers = {}
      for i, arg in ipairs(args) do answers[i] = reply.table[arg[1]] end
      return answers
    end,
  }
end
package.preload["neap.questions.thing"] = function() return asking "thing" end
package.preload["neap.questions.real"] = function() return asking "real" end
package.preload["neap.questions.pending"] = function() return asking "pending" end

--- The made-up type: its state is { size = integer }.
fake_host.thing = {
  name = "thing", key = "name", attributes = { size = { type = "integer" } },
  probe = function(host, key)
    local found = host:thing(key)
    return found and { size = found.size }
  end,
  steps = function(key, change)
    if change.kind == "delete" then return { "del " .. key } end
    return { "set " .. key .. " " .. tostring(change.to.size) }
  end,
  effects = function(key, change, model) model:set("thing", { key }, change.to and { size = change.to.size }) end,
}

--- A service-like type, triggered by others; running = boolean.
fake_host.daemon = {
  name = "daemon", key = "name", attributes = { size = { type = "integer" } }, triggers = { "restart", "reload" },
  probe = function(host, key)
    local found = host:thing(key)
    return found and { size = found.size }
  end,
  steps = function(key, change)
    if change.trigger then return { change.trigger .. " " .. key } end
    if change.kind == "delete" then return { "del " .. key } end
    return { "set " .. key .. " " .. tostring(change.to.size) }
  end,
}

local verbs = {}
function verbs.set(host, name, size)
  host.things[name] = { size = math.tointeger(size) }
end
function verbs.del(host, name) host.things[name] = nil end
function verbs.restart() end
function verbs.reload() end
function verbs.fail(host) return { rc = 1, out = "", err = host.complaint or "it is broken" } end

local function run_line(host, line)
  local mark, id = line:match("printf %%s '?(%a+)'? >'/var/lib/neap/pending/([^']+)'")
  if not mark then mark, id = line:match("printf %%s '?(%a+)'? >/var/lib/neap/pending/(%S-);") end
  if mark then
    host.marks[id] = mark
    return
  end
  id = line:match("^rm %-f '?/var/lib/neap/pending/([^' ;]+)")
  if id then
    host.marks[id] = nil
    return
  end
  local verb, rest = line:match("^(%S+) ?(.*)$")
  host.log[#host.log + 1] = line
  if host.broken[line] then return verbs.fail(host) end
  local words = {}
  for word in rest:gmatch("%S+") do words[#words + 1] = word end
  if verbs[verb] then return verbs[verb](host, table.unpack(words)) end
end

local Conn = {}
Conn.__index = Conn

local function answer(host, script)
  local kind = script:match("^ask%-(%a+)")
  if kind == "real" then return { rc = 0, out = "", err = "", table = host.real } end
  if kind == "pending" then return { rc = 0, out = "", err = "", table = host.marks } end
  if kind then return { rc = 0, out = "", err = "", table = host.things } end
  for line in script:gmatch("[^\n]+") do
    local failed = run_line(host, line)
    if failed then return failed end
  end
  return { rc = 0, out = "", err = "" }
end

function Conn:requests(list)
  self.host.rounds = self.host.rounds + 1
  local replies = {}
  for i, request in ipairs(list) do replies[i] = answer(self.host, request.script) end
  return replies
end

function Conn:request(request) return answer(self.host, request.script) end

--- @param things { [name] = { size = n } }
function fake_host.new(things)
  local host = { things = things or {}, marks = {}, real = {}, log = {}, broken = {}, rounds = 0 }
  host.conn = setmetatable({ host = host }, Conn)
  function host.round() return ask.new(host.conn, {}) end
  return host
end

--- A resource as evaluate makes it. @param rtype a type, or nil for `thing`
function fake_host.resource(key, attrs, meta, rtype)
  rtype = rtype or fake_host.thing
  return {
    type = rtype.name, rtype = rtype, key = key, id = rtype.name .. ":" .. key, absent = attrs == nil,
    attrs = attrs or {}, meta = meta or {}, where = "test.lua:1",
  }
end

--- A desired state of resources in order.
function fake_host.desired(list)
  local by_id = {}
  for _, resource in ipairs(list) do by_id[resource.id] = resource end
  return { list = list, by_id = by_id, inputs = {} }
end

--- What is recorded of a host, as recorded.host() would give it.
-- @param entries { { id, state, genesis, … } … } in order; each may have more of an entry by name (meta, options)
-- @param fourth what the fourth member of an entry is called, or nil
function fake_host.recorded(entries, fourth)
  local made = { resources = {}, order = {}, brought = {} }
  for i, said in ipairs(entries) do
    local rtype, key = said[1]:match("^([%a_]+):(.*)$")
    local entry = {
      id = said[1], type = rtype, key = key, state = said[2], genesis = said[3], meta = said.meta or {},
      options = said.options or {}, managed = {}, entry = {},
    }
    if fourth and said[4] ~= nil then entry[fourth] = said[4] end
    made.resources[said[1]], made.order[i] = entry, said[1]
  end
  return made
end

--- A list of resources in words: "-" goes; with `covered`, "*" is looked at no more.
function fake_host.told(list, covered)
  local out = {}
  for i, resource in ipairs(list or {}) do
    out[i] = (resource.absent and "-" or "") .. resource.id .. (covered and resource.covered and "*" or "")
  end
  return table.concat(out, " ")
end

return fake_host
