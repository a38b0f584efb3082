--- Resources whose key is a label: what it stands for may be another thing one day (a user's new key, a line that says
-- something else, a block in another file). What it stood for is still there then, and is recorded by a key of its own:
--
--     A: authorized_key "ada" { key = OLD }    recorded: ada       OLD
--     B: authorized_key "ada" { key = NEW }    recorded: ada       NEW
--                                                        ada#9f…   OLD, abandoned
--     C: authorized_key "eva" { key = NEW }    recorded: eva       NEW
--                                                        ada#9f…   OLD, abandoned
--
-- So a way back to A takes NEW away, one to before Neap both, and --prune what is abandoned; and another label for the
-- same thing makes nothing new. A type says by `denotes` which thing a label stands for.

local brief = require "neap.engine.brief"
local crypto = require "neap.core.crypto"
local difference = require "neap.engine.difference"
local entry_of = require "neap.engine.entry"
local frozen = require "neap.engine.frozen"
local json = require "neap.core.json"
local recorded_host = require "neap.engine.recorded"
local standing = require "neap.engine.standing"

local labels = {}

local DIGITS = 8
-- Where records stand: as last seen, and before Neap.
local ROOTS = { "", "genesis/" }

-- The key by which something is recorded that its label no longer stands for.
local function alias_of(key, thing) return key:gsub("#%x+$", "") .. "#" .. crypto.sha256(thing):sub(1, DIGITS) end

-- What a record's label stands for, or nil.
local function thing_of(entry, rtype)
  return rtype and rtype.denotes and rtype.denotes(entry.key, recorded_host.attrs(entry, rtype))
end

-- What a resource's label is to stand for; of what goes back to before Neap it is no question.
local function thing_wanted(resource)
  local rtype = resource.rtype
  if resource.leaves or resource.left or not rtype.denotes then return nil end
  return rtype.denotes(resource.key, resource.attrs)
end

-- The options of a thing that a label no longer stands for: what it is is known, and nothing else is its own; but not
-- of what a run that did not end may have changed.
local function options_of(entry, rtype, status)
  local kept, is_known = difference.overlay(entry.options, {}), entry.state and not brief.is_open(status, entry.id)
  if rtype.attributes.label then kept.label = kept.label or entry.key end
  for _, name in ipairs(is_known and rtype.widens or {}) do kept[name] = nil end
  return kept
end

-- A record under another key.
local function renamed(entry, rtype, key, status)
  local id, options = entry.type .. ":" .. key, options_of(entry, rtype, status)
  local decoded = difference.overlay(entry.entry, { key = key })
  return setmetatable({ id = id, key = key, options = options, entry = decoded }, { __index = entry })
end

-- The labels of a run that stand for something that is not recorded of them: { [type\0thing] = id }, one of each; but
-- for those that stand again for what is recorded by their own key, which get their `names`.
-- @param things { [id] = what it is, or false } of what is recorded
local function takers_of(things, wanted, names)
  local takers = {}
  for _, id in ipairs(frozen.keys(wanted)) do
    local is, thing, rtype, key = things[id], wanted[id], id:match("^([^:]*):(.*)$")
    if thing and is ~= thing and is ~= false then
      local alias, place = rtype .. ":" .. alias_of(key, thing), rtype .. "\0" .. thing
      if things[alias] ~= nil and wanted[alias] == nil then
        names[alias] = id
      else
        takers[place] = takers[place] or id
      end
    end
  end
  return takers
end

-- By which ids things are recorded from now on: { [id] = id }, of those that change. One that its label does not stand
-- for any more goes by the label that does (one of before that stands for it again, or one that has another name now),
-- or by a key of its own.
-- @param list { { id, type, key, thing = what it is, or false } … } of what is recorded
-- @param wanted { [id] = what the label is to stand for, or false }, of all of a run
-- @param whole whether that is all of the host: what else is recorded is no longer in the playbook
local function names_of(list, wanted, whole)
  local things, names = {}, {}
  for _, one in ipairs(list) do things[one.id] = one.thing end
  local takers = takers_of(things, wanted, names)
  for _, one in ipairs(list) do
    local stands = one.thing and wanted[one.id] ~= one.thing and not names[one.id]
    local place = stands and one.type .. "\0" .. one.thing
    if stands and takers[place] and wanted[one.id] ~= false and (whole or wanted[one.id]) then
      names[one.id], takers[place] = takers[place], nil
    elseif stands and wanted[one.id] then
      names[one.id] = one.type .. ":" .. alias_of(one.key, one.thing)
    end
  end
  return names
end

-- The ids by which something is recorded that no label of the run stands for.
local function others_of(names, wanted)
  local others = {}
  for _, id in pairs(names) do others[#others + 1] = wanted[id] == nil and id or nil end
  table.sort(others)
  return others
end

--- What is recorded of a host, such that a label that is to stand for another thing than the one that is recorded does
-- not: that is there by its own key, or by the label that stands for it now.
-- @param now of recorded.host()
-- @param wanted { [id] = what the label is to stand for, or false }
-- @param whole whether that is all of the host, and not some of it by tags
-- @return the same, where none is such; the list of the ids by which others are recorded on; and { [id] = id by which
--   it is recorded from now on }
function labels.apart(now, wanted, types, whole)
  local list = {}
  for i, id in ipairs(now.order) do
    local entry = now.resources[id]
    list[i] = { id = id, type = entry.type, key = entry.key, thing = thing_of(entry, types:get(entry.type)) or false }
  end
  local names = names_of(list, wanted, whole)
  if next(names) == nil then return now, {}, names end
  local resources, order = {}, {}
  for i, id in ipairs(now.order) do
    local entry, name = now.resources[id], names[id]
    if name then entry = renamed(entry, types:get(entry.type), name:match(":(.*)$"), now.status) end
    if names[entry.over] then entry = setmetatable({ over = names[entry.over] }, { __index = entry }) end
    resources[entry.id], order[i] = entry, entry.id
  end
  local apart = { resources = resources, order = order, status = brief.renamed(now.status, names) }
  return setmetatable(apart, { __index = now }), others_of(names, wanted), names
end

--- What the labels of a state stand for, as labels.apart() takes it.
-- @param state of recorded.host()
function labels.of_state(state, types)
  local wanted = {}
  for id, entry in pairs(state.resources) do wanted[id] = thing_of(entry, types:get(entry.type)) or false end
  return wanted
end

--- The same of resources.
function labels.of_list(list)
  local wanted = {}
  for _, resource in ipairs(list) do wanted[resource.id] = thing_wanted(resource) or false end
  return wanted
end

--- Whether there is a label among them at all: without one no record goes by another name.
-- @param wanted of labels.of_list() or labels.of_state()
function labels.any(wanted)
  for _, thing in pairs(wanted) do
    if thing then return true end
  end
  return false
end

-- Whether what was found is the recorded thing all the same: a line that a pattern tells from now on.
local function is_found(rtype, entry, before)
  return before and entry.state and difference.same_state(rtype, before, entry.state, entry.state) or false
end

-- The files of a record under another key.
-- @param at { host = its name, seal, recorded = its records, status = decoded status.json }
local function files_of(at, entry, rtype, key)
  local as = renamed(entry, rtype, key, at.status)
  local resource = { type = entry.type, rtype = rtype, key = key, id = as.id, as_recorded = as }
  local files = entry_of.files(at.host, resource, entry.state, "", at.seal, {})
  if entry.genesis == nil then return files end
  local path = "genesis/" .. entry_of.path(entry.type, key)
  for name, bytes in pairs(entry_of.files(at.host, resource, entry.genesis, "genesis/", at.seal, {})) do
    files[name] = bytes
  end
  if entry.under or entry.around or entry.over or entry.came then
    local genesis = json.decode(files[path])
    genesis.under, genesis.around, genesis.over, genesis.came = entry.under, entry.around, entry.over, entry.came
    files[path] = json.encode(genesis, { indent = 2 }) .. "\n"
  end
  return files
end

-- The files that tell what was there before Neap.
local function first_of(files)
  local first = {}
  for path, bytes in pairs(files) do first[path] = path:find("^genesis/") and bytes or nil end
  return first
end

-- The same tree with other names in its order, and in what tells which one lies over which.
local function reorder(tree, names)
  local order = json.decode(tree["order.json"] or "[]")
  for i, id in ipairs(order) do order[i] = names[id] or id end
  tree["order.json"] = json.encode(json.array(order), { indent = 2 }) .. "\n"
  for path, bytes in pairs(tree) do
    local entry = path:find("^genesis/resources/") and bytes:find('"over"', 1, true) and json.decode(bytes)
    if type(entry) == "table" and names[entry.over] then
      entry.over = names[entry.over]
      tree[path] = json.encode(entry, { indent = 2 }) .. "\n"
    end
  end
end

-- The records of a host of types with labels that a run has some of: { { id, type, key, thing, path, entry } … }.
local function labeled(host, recorded, rtypes, seal)
  local list = {}
  for path in pairs(next(rtypes) and recorded or {}) do
    local rtype = rtypes[path:match("^resources/([^/]+)/")]
    if rtype then
      local entry = recorded_host.resource(recorded, path, host, seal)
      list[#list + 1] = {
        id = entry.id, type = entry.type, key = entry.key, thing = thing_of(entry, rtype) or false, rtype = rtype,
        path = path, entry = entry,
      }
    end
  end
  table.sort(list, function(a, b) return a.id < b.id end)
  return list
end

-- The types of a run with labels, by name, where a label may stand for what is not recorded of it.
local function rtypes_of(resources, recorded, host, seal)
  local rtypes = {}
  for _, resource in ipairs(resources) do
    local rtype, path = resource.rtype, entry_of.path(resource.type, resource.key)
    local thing = rtype.denotes and not rtypes[rtype.name] and thing_wanted(resource)
    local entry = thing and recorded[path] and recorded_host.resource(recorded, path, host, seal)
    if thing and not (entry and thing_of(entry, rtype) == thing) then rtypes[rtype.name] = rtype end
  end
  return rtypes
end

-- Of what is recorded, what a run has found though its label is to stand for another thing: { [id] = one of the list }.
-- It is that thing from now on, where nothing else is to have its name.
local function found_again(list, wanted, before)
  local again = {}
  for _, one in ipairs(list) do
    local moves = one.thing and wanted[one.id] and wanted[one.id] ~= one.thing
    if moves and is_found(one.rtype, one.entry, before[one.id]) then
      again[one.id] = one
      if wanted[one.type .. ":" .. alias_of(one.key, one.thing)] == nil then one.thing = wanted[one.id] end
    end
  end
  return again
end

-- The records of what goes by another name from now on.
local function files_by_name(at, list, names, again)
  local files = {}
  for _, one in ipairs(list) do
    local id = names[one.id]
    if id and again[one.id] then table.insert(files, 1, first_of(files_of(at, one.entry, one.rtype, one.key))) end
    if id then files[#files + 1] = files_of(at, one.entry, one.rtype, id:match(":(.*)$")) end
  end
  return files
end

-- Adds the records of what is found again and keeps its name, as it can be told from now on.
local function add_told(files, at, resources, names, again)
  for _, resource in ipairs(resources) do
    local one = not names[resource.id] and again[resource.id]
    if one then files[#files + 1] = entry_of.files(at.host, resource, one.entry.state, "", at.seal, at.recorded) end
  end
end

-- The records of a host but for those that go by another name.
local function without_renamed(recorded, list, names)
  local tree = difference.overlay(recorded, {})
  for _, one in ipairs(list) do
    for _, root in ipairs(names[one.id] and ROOTS or {}) do
      for _, path in ipairs(entry_of.recorded(one.rtype, one.key, recorded, root)) do tree[path] = nil end
    end
  end
  return tree
end

--- What is otherwise in one tree of records than in another: { [path] = bytes, or false where nothing is any more }.
function labels.moves(from, to)
  local moves = {}
  if from == to then return moves end
  for path in pairs(from) do
    if to[path] == nil then moves[path] = false end
  end
  for path, bytes in pairs(to) do
    if from[path] ~= bytes then moves[path] = bytes end
  end
  return moves
end

--- The records of a host as they would be had each label always stood for what it stands for in a run.
-- @param host its name
-- @param recorded { [path below hosts/<host>/] = bytes } at HEAD
-- @param run { resources = of the run, before = { [id] = attrs|false } as they were found first, whole = as
--   labels.apart() has it }
-- @param seal the project's key
-- @return the same, where none is such; the ids by which others are recorded on; and the names of labels.apart()
function labels.tree(host, recorded, run, seal)
  local list = labeled(host, recorded, rtypes_of(run.resources, recorded, host, seal), seal)
  local wanted = labels.of_list(run.resources)
  local again = found_again(list, wanted, run.before)
  local names = names_of(list, wanted, run.whole)
  if next(names) == nil and next(again) == nil then return recorded, {}, names end
  local status = standing.decode(recorded["status.json"], host .. "/status.json")
  local at = { host = host, seal = seal, recorded = recorded, status = status }
  local tree, files = without_renamed(recorded, list, names), files_by_name(at, list, names, again)
  add_told(files, at, run.resources, names, again)
  for _, some in ipairs(files) do
    for path, bytes in pairs(some) do tree[path] = bytes end
  end
  reorder(tree, names)
  return tree, others_of(names, wanted), names
end

return labels
