--- What differs between two recorded states, resource by resource, as changes
-- that can be shown like those of a plan. No host is touched and nothing is
-- unsealed: of a secret it is known only that it is another one.
--
-- A resource that is recorded for the first time comes from what it was before
-- Neap, its genesis; one whose record ends has gone back there.

local json = require "neap.core.json"
local count_of = require "neap.count_of"
local recorded_change = require "neap.engine.recorded_change"
local shape = require "neap.engine.shape"
local show = require "neap.engine.show"

local between = {}

-- What is told of a status.
local STATUS = { status = "?string", problem = "?string", machine_id = "?string" }

-- What status.json says; what is none says nothing.
local function status_in(text)
  local value = text and json.decode(text)
  return shape.fits(value, STATUS) and value or {}
end

-- One side: a revision, and of the files that differ what they hold in it.
local function side_of(st, rev, host, deltas, which)
  return {
    read = function(path)
      if deltas[path] then return deltas[path][which] end
      return rev and st:read(rev, "hosts/" .. host .. "/" .. path) or nil
    end,
  }
end
-- The texts that a record names, by path.
local function texts_of(text)
  local names = {}
  for name in (text or ""):gmatch('": "(%l+/[^"]*)"') do names[#names + 1] = name end
  return names
end

-- Whether a text differs that no differing record names.
local function has_loose(deltas)
  local named = {}
  for path, delta in pairs(deltas) do
    if path:match("^resources/") then
      for _, text in pairs { delta.old or "", delta.new or "" } do
        for _, name in ipairs(texts_of(text)) do named[name] = true end
      end
    end
  end
  for path in pairs(deltas) do
    if (path:match("^files/") or path:match("^blobs/")) and not named[path] then return true end
  end
  return false
end

-- The resource records of which a text differs though they themselves do not:
-- a sealed text changed. All records are read only where there is one.
local function owners_of(st, rev, host, deltas, paths)
  if not rev or not has_loose(deltas) then return end
  for path, text in pairs(st:tree(rev, "hosts/" .. host .. "/resources")) do
    path = "resources/" .. path
    for name in text:gmatch('"sealed_in": "([^"]*)"') do
      if deltas[name] and not deltas[path] then paths[#paths + 1] = path end
    end
  end
end

-- What the change of a resource is told from, as one text: the ids of all
-- files that are read for it. nil where one of them does not differ itself.
local function sources_of(path, deltas)
  local parts = {}
  local function add(name)
    local delta = deltas[name]
    if not delta then return end
    parts[#parts + 1] = name .. "\0" .. (delta.old_id or "") .. "\0" .. (delta.new_id or "")
    return true
  end
  if not add(path) or not add("genesis/" .. path) and deltas[path].status ~= "modified" then return nil end
  for _, root in ipairs { "", "genesis/" } do
    local delta = deltas[root .. path] or {}
    for _, text in ipairs { delta.old or "", delta.new or "" } do
      for _, name in ipairs(texts_of(text)) do add(root .. name) end
    end
  end
  return table.concat(parts, "\0")
end

local function status_line(deltas)
  local delta = deltas["status.json"]
  if not delta then return nil end
  local was, is = status_in(delta.old), status_in(delta.new)
  local parts = {}
  if was.status ~= is.status then
    parts[1] = ("%s → %s%s"):format(was.status or "(not recorded)", is.status or "(not recorded)",
      is.problem and ": " .. is.problem or "")
  end
  if was.machine_id and is.machine_id ~= was.machine_id then
    parts[#parts + 1] = "another machine: its machine-id is not what it was"
  end
  return #parts > 0 and table.concat(parts, "; ") or nil
end

-- The change of the resource at `path`; hosts on which the same differs share
-- one, so that a change of a whole fleet is made out once.
local function change_at(path, deltas, sides, shared)
  local sources = shared and sources_of(path, deltas)
  local known = sources and shared[sources]
  if known ~= nil then return known end
  local change = recorded_change(path, sides[1], sides[2]) or false
  if sources then shared[sources] = change end
  return change
end

--- What differs on one host.
-- @param deltas { [path below hosts/<host>/] = { old =, new =, old_id =, new_id =, status = } }
-- @param shared table to share changes of several hosts in, or nil
-- @return { name, changes = { change … } by path, found = those of resources
--   that were recorded for the first time and found as they were, status = text|nil }
function between.host(st, a, b, host, deltas, shared)
  local sides = { side_of(st, a, host, deltas, "old"), side_of(st, b, host, deltas, "new") }
  local paths = {}
  for path in pairs(deltas) do
    if path:match("^resources/.*%.json$") then paths[#paths + 1] = path end
  end
  owners_of(st, b, host, deltas, paths)
  table.sort(paths)
  local plan = { name = host, changes = {}, found = {}, status = status_line(deltas) }
  for _, path in ipairs(paths) do
    local change = change_at(path, deltas, sides, shared)
    if change and change.same and change.first then
      plan.found[#plan.found + 1] = change
    elseif change then
      plan.changes[#plan.changes + 1] = change
    end
  end
  return plan
end

-- The contents of a file that differs are read when they are asked for, and
-- once for all files that have them.
local function contents_of(st)
  local known = {}
  local which = { old = "old_id", new = "new_id" }
  return { __index = function(delta, name)
    local id = which[name] and rawget(delta, which[name])
    if not id then return nil end
    known[id] = known[id] or st:blob(id)
    return known[id]
  end }
end

-- All differing files below a host each: { [host] = deltas }, and the hosts in order.
local function by_host(st, a, b, names)
  local prefixes, hosts, order, contents = { "hosts" }, {}, {}, contents_of(st)
  if names then
    prefixes = {}
    for name in pairs(names) do prefixes[#prefixes + 1] = "hosts/" .. name end
    table.sort(prefixes)
  end
  for _, prefix in ipairs(prefixes) do
    for _, delta in ipairs(st:diff(a, b, prefix, { content = false })) do
      local host, path = delta.path:match("^hosts/([^/]+)/(.*)$")
      if host and not hosts[host] then
        hosts[host] = {}
        order[#order + 1] = host
      end
      if host then hosts[host][path] = setmetatable(delta, contents) end
    end
  end
  return hosts, order
end

--- What differs from revision `a` (nil: the empty state) to `b`.
-- @param names set of host names, or nil for all
-- @return plans of hosts, by name (see between.host), those that differ
function between.plans(st, a, b, names)
  local hosts, order = by_host(st, a, b, names)
  local plans, shared = {}, {}
  for _, host in ipairs(order) do
    local plan = between.host(st, a, b, host, hosts[host], shared)
    hosts[host] = nil
    if plan.changes[1] or plan.found[1] or plan.status then plans[#plans + 1] = plan end
  end
  return plans
end

-- What there is to say of hosts beside their changes, equal lines folded.
local function print_rest(plans, ui)
  local lines = show.lines()
  for _, plan in ipairs(plans) do
    local found = #plan.found
    if found > 0 then
      lines:add(plan.name, count_of(found, "resource") .. " recorded for the first time, as found")
    end
    if plan.status then lines:add(plan.name, plan.status) end
  end
  lines:print(ui)
end

--- Prints what between.plans returned; returns how many changes there are.
function between.print(plans, ui)
  show.plans(plans, ui)
  local count, total = show.count(plans)
  if total > 0 then
    ui:line(string.format("\n%d created, %d updated, %d deleted", count.create, count.update, count.delete))
  end
  print_rest(plans, ui)
  for _, plan in ipairs(plans) do
    show.events(plan.name, plan.changes, ui)
    if plan.status then ui:event { event = "status", host = plan.name, message = plan.status } end
  end
  return total
end

return between
