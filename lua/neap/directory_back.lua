--- Directories on a way back: what stays in them, and what comes back into them from where it was kept.
local kept = require "neap.kept"
local look = require "neap.look"
local mounts = require "neap.mounts"
local place = require "neap.place"

local directory_back = {}

--- The names that are to come back into it: what was purged once, or was spared then and is gone.
-- @param from, to what is there, or nil, and what is wanted
function directory_back.missing(from, to)
  local there, names = {}, {}
  for _, list in ipairs(from and { from.surplus or {}, from.spared or {} } or {}) do
    for _, name in ipairs(list) do there[name] = true end
  end
  for _, list in ipairs(to.restore and {} or { not to.purge and to.surplus or {}, to.spared or {} }) do
    for _, name in ipairs(list) do names[#names + 1] = not there[name] and name or nil end
  end
  return names
end

--- Where something is mounted on what a change takes away, or in it: a path, or nil.
function directory_back.obstacle(host, key, change)
  local to = change.to
  if not to then
    local dir, name = place.split(key)
    return (change.from.force and kept.obstacle or mounts.on)(host, dir, { name })
  end
  local from = change.from or {}
  if from.occupied and not to.occupied then
    local dir, name = place.split(key)
    return kept.obstacle(host, dir, { name })
  end
  if to.purge and change.differs.surplus then return kept.obstacle(host, key, change.from.surplus) end
end

--- Names in it that will still be there when the plan gets here.
function directory_back.left_in(host, key, model)
  local left = {}
  for _, name in ipairs(host:list(key) or {}) do
    if not model:is_gone(key .. "/" .. name) then left[#left + 1] = name end
  end
  return left
end

--- "a, b, c and 4 more".
function directory_back.named(names)
  return table.concat(names, ", ", 1, math.min(3, #names)) .. (#names > 3 and (" and %d more"):format(#names - 3) or "")
end

--- What keeps a directory from being replaced by something else, or nil: only an empty one can be.
function directory_back.in_the_way(host, key, change, model)
  local from, to = change.from, change.to
  if not from or from.occupied ~= "directory" or not to or to.occupied == "directory" then return nil end
  local left, dir, name = directory_back.left_in(host, key, model), place.split(key)
  if left[1] then return ("'%s' is a directory that is not empty (%s)"):format(key, directory_back.named(left)) end
  local at = mounts.on(host, dir, { name })
  return at and mounts.refusal(at)
end

--- A `foresee` of what can replace a directory.
function directory_back.foresee_replacing(host, key, change, model)
  look.foresee(host, key, change)
  local why = not model.sweeps and directory_back.in_the_way(host, key, change, model)
  if why then look.fail("%s, and only an empty one is replaced", why) end
end

local function with(attrs, values)
  for name, value in pairs(attrs) do
    if values[name] == nil then values[name] = value end
  end
  return values
end

-- Whether another resource of the way back stands there, or is to be away.
local function is_anothers(path, back)
  for _, keys in ipairs { back.staying or {}, back.leaving or {} } do
    for _, of_type in pairs(keys) do
      for _, key in ipairs(of_type) do
        if key == path then return true end
      end
    end
  end
  return false
end

-- The set of names in a directory.
local function there_in(host, key)
  local there = {}
  for _, name in ipairs(host:list(key) or {}) do there[name] = true end
  return there
end

-- Of these names, those that are there or were kept; those that are nowhere are added to `lost`.
local function kept_of(host, key, names, lost)
  local there, found = there_in(host, key), {}
  for _, name in ipairs(names) do -- in one round, however many there are
    for _, away in ipairs(there[name] and {} or kept.places(key, name)) do host:expect("stat", away) end
  end
  for _, name in ipairs(names) do
    local has = there[name]
    for _, away in ipairs(kept.places(key, name)) do has = has or host:stat(away) end
    table.insert(has and found or lost, name)
  end
  return found
end

-- What was purged comes back where it was kept; what has a resource of its own does so by that, where it is not there.
local function with_names(host, key, change, back)
  local to, lost, spared, there = change.to, {}, {}, there_in(host, key)
  for _, name in ipairs(to.spared or {}) do
    spared[#spared + 1] = (there[name] or not is_anothers(key .. "/" .. name, back)) and name or nil
  end
  local instead = with(change.resource.attrs, {
    surplus = to.surplus and not to.purge and kept_of(host, key, to.surplus, lost) or nil,
    spared = to.spared and kept_of(host, key, spared, lost),
  })
  if #lost == 0 and #spared == #(to.spared or {}) then return nil end
  local barrier = #lost > 0 and "what was purged was not kept: " .. directory_back.named(lost) or nil
  return { instead = instead, barrier = barrier }
end

--- Whether it was told to be absent with all that was in it, be it that another stands in its place since.
-- @param before its entry of recorded.host(), or nil
function directory_back.was_taken(before)
  if not before or not before.options.force then return false end
  return not before.state or before.state.occupied and not next(before.managed)
end

-- Whether nothing was in one that a playbook has told to be absent, so that its run has listed it, if it was there.
local function was_empty(before)
  local names = before.genesis and before.genesis.surplus or before.first and before.first.surplus or {}
  return not names[1] and not next(before.managed)
end

-- One that was taken whole comes back whole; but not with what was in it before Neap, where that had gone by then.
local function with_all(host, key, change)
  local before, known = change.resource.before, change.resource.as_recorded
  if not directory_back.was_taken(before) or known and known.genesis and known.genesis.surplus then return nil end
  for _, away in ipairs(kept.places(place.split(key))) do host:expect("stat", away) end
  for _, away in ipairs(kept.places(place.split(key))) do
    local found = host:stat(away)
    if found and found.kind == "directory" then return { instead = with(change.resource.attrs, { restore = true }) } end
  end
  return not was_empty(before) and { barrier = "what was in it was not kept: it comes back empty" } or nil
end

local function has_names(to) return to.spared ~= nil or to.surplus ~= nil and not to.purge end

-- It stays where something of others is in it.
local function look_at_delete(host, key, change, model)
  if change.resource.leaves then
    change.resource.attrs.force, change.from.force, change.from.surplus = nil, nil, nil
  end
  local left = change.from.force and {} or directory_back.left_in(host, key, model)
  if #left > 0 then return { stays = "it holds what Neap has not put there: " .. directory_back.named(left) } end
  local at = directory_back.obstacle(host, key, change)
  return at and { [change.from.force and "impossible" or "stays"] = mounts.refusal(at) } or nil
end

-- What a directory has replaced comes back from where it was kept; but not while something of others is in that.
local function look_at_replaced(host, key, change, model)
  local to, dir, name = change.to, place.split(key)
  local away = host:stat(kept.place(dir) .. "/" .. name)
  if not away or away.kind ~= to.occupied or away.target ~= to.target then
    return { barrier = ("the %s that it replaced was not kept"):format(look.NOUNS[to.occupied]), stays = "it stays" }
  end
  local is_there = change.from and not change.from.occupied
  local left = is_there and directory_back.left_in(host, key, model) or {}
  if left[1] then
    local why = ("it holds what Neap has not put there (%s), in the place of a %s that is kept"):format(
      directory_back.named(left), look.NOUNS[to.occupied])
    return { barrier = why, stays = "it stays", keeps = true }
  end
  local at = is_there and mounts.on(host, dir, { name }) or kept.obstacle_back(host)
  if at then return { impossible = mounts.refusal(at) } end
  return { instead = with(change.resource.attrs, { restore = true }) }
end

local function look_at_names(host, key, change, back)
  local to, differs = change.to, change.differs
  if change.kind == "update" and not change.from.occupied then
    return (differs.surplus or differs.spared) and has_names(to) and with_names(host, key, change, back) or nil
  end
  if to.surplus and not to.purge then return with_names(host, key, change, back) end
  return with_all(host, key, change) or to.spared and with_names(host, key, change, back) or nil
end

-- Whether something comes back from where it was kept.
local function is_fetched(change, verdict)
  local to = verdict and verdict.instead or change.to
  return to.restore or directory_back.missing(change.from, to)[1] ~= nil
end

--- What others have put into a directory is theirs; what was taken out of it comes back.
function directory_back.look(host, key, change, back, model)
  if change.kind == "delete" then return look_at_delete(host, key, change, model) end
  if change.to.occupied then return look_at_replaced(host, key, change, model) end
  local verdict = look_at_names(host, key, change, back)
  local at = directory_back.obstacle(host, key, change)
  at = at or is_fetched(change, verdict) and kept.obstacle_back(host)
  return at and { impossible = mounts.refusal(at) } or verdict
end

--- To be what it was before Neap is to take nothing out.
function directory_back.wanted(_, attrs, genesis)
  if genesis then attrs.purge = nil end
  return attrs
end

return directory_back
