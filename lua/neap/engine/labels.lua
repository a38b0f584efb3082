--- Resources whose key is a label: what it stands for may be another thing one day (a user's new key, a line that says
-- something else, a block in another file). What it stood for is still there then, and is recorded by a key of its own:
--
--     A: authorized_key "ada" { key = OLD }    recorded: ada       OLD
--     B: authorized_key "ada" { key = NEW }    recorded: ada       NEW
--                                                        ada#9f…   OLD, abandoned
--
-- So a way back to A takes NEW away, one to before Neap both, and --prune what is abandoned. A type says by `denotes`
-- which thing a label stands for.

local crypto = require "neap.core.crypto"
local difference = require "neap.engine.difference"
local entry_of = require "neap.engine.entry"
local json = require "neap.core.json"
local parts = require "neap.engine.parts"
local recorded_host = require "neap.engine.recorded"

local labels = {}

local DIGITS = 8

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

-- The options of a thing that a label no longer stands for: what it is is known, and nothing else is its own.
local function options_of(options, entry, rtype)
  local kept = difference.overlay(options, {})
  if rtype.attributes.label then kept.label = options.label or entry.key end
  for _, name in ipairs(entry.state and rtype.widens or {}) do kept[name] = nil end
  return kept
end

-- A record under another key.
local function renamed(entry, rtype, key)
  local id, options = entry.type .. ":" .. key, options_of(entry.options, entry, rtype)
  local decoded = difference.overlay(entry.entry, {
    key = key, options = options_of(entry.entry.options or {}, entry, rtype),
  })
  return setmetatable({ id = id, key = key, options = options, entry = decoded }, { __index = entry })
end

local function replace(order, old, new)
  for i, id in ipairs(order) do
    if id == old then order[i] = new end
  end
end

--- What is recorded of a host, such that a label that is to stand for another thing than the one that is recorded does
-- not: that is there by its own key, and what the label is to stand for, by the label, where it is recorded.
-- @param now of recorded.host()
-- @param wanted { [id] = what the label is to stand for }
-- @return the same, where none is such, and the list of the ids by which others are recorded on
function labels.apart(now, wanted, types)
  local resources, order, others = nil, nil, {}
  for _, id in ipairs(now.order) do
    local entry, thing = now.resources[id], wanted[id]
    local rtype = types:get(entry.type)
    local is = thing and thing_of(entry, rtype)
    if is and is ~= thing then
      resources = resources or difference.overlay(now.resources, {})
      order = order or table.move(now.order, 1, #now.order, 1, {})
      local other = renamed(entry, rtype, alias_of(entry.key, is))
      local back = entry.type .. ":" .. alias_of(entry.key, thing)
      local known = now.resources[back]
      resources[id], resources[back] = known and renamed(known, rtype, entry.key), nil
      resources[other.id] = other
      replace(order, id, other.id)
      replace(order, back, id)
      others[#others + 1] = other.id
    end
  end
  if not resources then return now, others end
  return setmetatable({ resources = resources, order = order }, { __index = now }), others
end

--- What the labels of a state stand for, as labels.apart() takes it.
-- @param state of recorded.host()
function labels.of_state(state, types)
  local wanted = {}
  for id, entry in pairs(state.resources) do wanted[id] = thing_of(entry, types:get(entry.type)) end
  return wanted
end

--- The same of resources.
function labels.of_list(list)
  local wanted = {}
  for _, resource in ipairs(list) do wanted[resource.id] = thing_wanted(resource) end
  return wanted
end

-- What a resource of a run stands for, and its record; nil where that is the same.
local function moved(resource, entry)
  local thing, is = thing_wanted(resource), thing_of(entry, resource.rtype)
  if not thing or not is or thing == is then return nil end
  return thing, is
end

-- Whether what was found is the recorded thing all the same: a line that a pattern tells from now on.
local function is_found(rtype, entry, before)
  return before and entry.state and difference.same_state(rtype, before, entry.state, entry.state) or false
end

-- The files of a record under another key.
local function files_of(host, entry, rtype, key, seal)
  local as = renamed(entry, rtype, key)
  local resource = { type = entry.type, rtype = rtype, key = key, id = as.id, as_recorded = as }
  local files = entry_of.files(host, resource, entry.state, "", seal, {})
  if entry.genesis == nil then return files end
  local path = "genesis/" .. entry_of.path(entry.type, key)
  for at, bytes in pairs(entry_of.files(host, resource, entry.genesis, "genesis/", seal, {})) do files[at] = bytes end
  if entry.under or entry.around then
    local genesis = json.decode(files[path])
    genesis.under, genesis.around = entry.under, entry.around
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

-- The same tree with other names in its order.
local function reorder(tree, names)
  local order = json.decode(tree["order.json"] or "[]")
  for i, id in ipairs(order) do order[i] = names[id] or id end
  tree["order.json"] = json.encode(json.array(order), { indent = 2 }) .. "\n"
end

--- The records of a host as they would be had each label always stood for what it stands for in a run.
-- @param host its name
-- @param recorded { [path below hosts/<host>/] = bytes } at HEAD
-- @param resources of the run
-- @param before { [id] = attrs|false } as they were found first
-- @param seal the project's key
-- @return the same, where none is such, and the ids by which others are recorded on
function labels.tree(host, recorded, resources, before, seal)
  local tree, names, others, by_id = nil, {}, {}, nil
  local function move(from, rtype, key)
    local entry = recorded_host.resource(recorded, from, host, seal)
    for _, root in ipairs { "", "genesis/" } do
      for _, path in ipairs(entry_of.recorded(rtype, entry.key, recorded, root)) do tree[path] = nil end
    end
    names[entry.id] = entry.type .. ":" .. key
    return files_of(host, entry, rtype, key, seal)
  end
  for _, resource in ipairs(resources) do
    local rtype, path = resource.rtype, entry_of.path(resource.type, resource.key)
    local entry = rtype.denotes and recorded[path] and recorded_host.resource(recorded, path, host, seal)
    local thing, is = nil, nil
    if entry then thing, is = moved(resource, entry) end
    by_id = by_id or thing and parts.by_id(resources)
    local found = thing and is_found(rtype, entry, before[resource.id])
    local other = thing and alias_of(resource.key, is)
    if thing and (not found or by_id[resource.type .. ":" .. other]) then
      tree = tree or difference.overlay(recorded, {})
      local files, back = move(path, rtype, other), entry_of.path(resource.type, alias_of(resource.key, thing))
      local more = recorded[back] and move(back, rtype, resource.key) or
        found and first_of(files_of(host, entry, rtype, resource.key, seal)) or {}
      files = difference.overlay(files, more)
      for at, bytes in pairs(files) do tree[at] = bytes end
      others[#others + 1] = names[entry.id]
    end
  end
  if tree then reorder(tree, names) end
  return tree or recorded, others
end

return labels
