--- What was removed from the playbook: recorded of a host at HEAD and no longer
-- desired. Every plan names it, since it would be forgotten otherwise: it is
-- still there and nobody looks after it.
--
-- To learn that there is none must not cost a look into the repository. So the
-- cache of the last record (remembered.lua) keeps, for the set of resources
-- that a playbook gave a host, which others were recorded then.

local crypto = require "neap.core.crypto"
local json = require "neap.core.json"
local converge = require "neap.engine.converge"
local project = require "neap.engine.project"
local remembered = require "neap.engine.remembered"
local show = require "neap.engine.show"

local abandoned = {}

-- So many are named without -v.
local NAMED = 8

-- One text for a set of resources in their order.
local function set_of(list)
  local ids = {}
  for i, resource in ipairs(list) do ids[i] = resource.id end
  return crypto.sha256(table.concat(ids, "\0"))
end

-- The state repository, opened when first needed; nil where there is none.
local function store_of(self)
  if self.store == nil then
    self.store = project.open(self.opts) or false
    self.head = self.store and self.store:head()
  end
  return self.head and self.store
end

-- The ids that the repository has of a host and `desired` has not.
local function look_up(self, host, desired)
  local st, ids = store_of(self), {}
  local text = st and st:read(self.head, "hosts/" .. host .. "/order.json")
  local order = text and json.decode(text)
  for _, id in ipairs(type(order) == "table" and order or {}) do
    if not desired.by_id[id] then ids[#ids + 1] = id end
  end
  return ids
end

local function find(self, host, desired)
  local set = set_of(desired.list)
  local known = self.known[host.name]
  if known and known.of == set then return known end
  return { of = set, ids = look_up(self, host.name, desired) }
end

--- The desired states of a playbook, for converge.plan, with a look at what it
-- no longer has: noted on each host (`abandoned`, see remembered.keep). Not
-- where only some tags are asked for: what is left out then is not abandoned.
function abandoned.source(session)
  local desired_of = converge.playbook(session)
  if session.opts.tags then return desired_of end
  local self = { opts = session.opts, known = remembered.abandoned(project.place(session.opts)) }
  return function(host, round)
    local desired = desired_of(host, round)
    host.abandoned = find(self, host, desired)
    return desired
  end
end

local function sentence(ids, verbose)
  local count = #ids
  local most = verbose > 0 and count or math.min(count, NAMED)
  local text = table.concat(ids, ", ", 1, most)
  if most < count then text = text .. (" and %d more (-v names them)"):format(count - most) end
  return text
end

--- Names what is abandoned.
function abandoned.told(session)
  local lines, ui = show.lines(), session.ui
  for _, host in ipairs(session.hosts) do
    local ids = host.status == "ok" and host.abandoned and host.abandoned.ids or {}
    if ids[1] then
      lines:add(host.name, "abandoned, no longer in the playbook: " .. sentence(ids, ui.verbose))
      ui:event { event = "abandoned", host = host.name, ids = json.array(ids) }
    end
  end
  lines:print(ui)
end

return abandoned
