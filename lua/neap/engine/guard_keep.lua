--- What the lock-out guard keeps of the changes that stand under it: files, units, accounts, rules, and scripts for
-- what is none of these.
local difference = require "neap.engine.difference"
local guarded = require "neap.engine.guarded"
local script = require "neap.guard_script"
local taint = require "neap.core.taint"

-- Types whose changes are files or accounts, and so are kept whole.
local KEPT = {
  file = true, symlink = true, directory = true, line = true, block = true, authorized_key = true, systemd_unit = true,
  user = true, group = true, service = true,
}

local function is_secret(change)
  for _, state in ipairs { change.from or false, change.to or false } do
    for _, value in pairs(state or {}) do
      if taint.is(value) then return true end
    end
  end
  return false
end

local function note_unit(kept, name)
  local unit = name:find("%.%l+$") and name or name .. ".service"
  for _, known in ipairs(kept.units) do
    if known == unit then return end
  end
  kept.units[#kept.units + 1] = unit
end

local function note_words(kept, rule)
  for _, known in ipairs(kept.words) do
    if known == rule.words then return end
  end
  kept.words[#kept.words + 1] = rule.words
end

-- The scripts that take a change back whose type is neither a file nor an account.
local function note_undo(kept, change, ctx)
  if KEPT[change.resource.type] or change.kind == "unknown" then return end
  local inverse = difference.change(change.resource.rtype, change.to, change.from)
  if not inverse then return end
  local steps = change.resource.rtype.steps(change.resource.key, inverse, ctx)
  for _, step in ipairs(steps) do
    kept.undo[#kept.undo + 1] = type(step) == "table" and step or { run = step }
  end
end

-- A whole directory is kept where it is the configuration's, not where it is somebody's home.
local function is_whole(change, path)
  return change.resource.type == "directory" and (path:find("^/etc/") or path:find("/%.ssh$")) ~= nil
end

local function keep_change(kept, member, ctx)
  local change, resource = member.change, member.change.resource
  local rule = member.rule or {}
  for _, path in ipairs(guarded.paths(change)) do
    kept.saves[#kept.saves + 1] = { path = path, whole = is_whole(change, path), secret = is_secret(change) }
  end
  if resource.type == "user" then
    kept.users[#kept.users + 1], kept.accounts = resource.key, true
    local home = change.from and change.from.home
    if home then kept.saves[#kept.saves + 1] = { path = home .. "/.ssh", whole = true, quiet = true } end
  elseif resource.type == "group" then
    kept.groups[#kept.groups + 1], kept.accounts = resource.key, true
  elseif resource.type == "service" then
    note_unit(kept, resource.key)
  end
  for _, unit in ipairs(rule.units or {}) do note_unit(kept, unit) end
  if rule.words then note_words(kept, rule) end
  if rule.save == "ruleset" then kept.ruleset = true end
  note_undo(kept, change, ctx)
end

-- What a member causes is caused again when the member goes back.
local function keep_cause(kept, change, ctx)
  local resource = change.resource
  kept.saves[#kept.saves + 1] = { path = script.mark_of(change.id), quiet = true }
  if resource.type == "service" then return note_unit(kept, resource.key) end
  if not change.trigger then return end
  local again = { kind = "update", from = change.to, to = change.to, differs = {}, trigger = change.trigger }
  for _, step in ipairs(resource.rtype.steps(resource.key, again, ctx)) do
    step = type(step) == "table" and step or { run = step }
    if not step.stdin then kept.redo[#kept.redo + 1] = step end
  end
end

--- What is to be kept of a window of guarded.windows(), in the terms of guard_script.arm() and program().
return function(window, ctx)
  local kept = { saves = {}, units = {}, words = {}, undo = {}, redo = {}, users = {}, groups = {}, ids = {} }
  for _, member in ipairs(window.members) do
    keep_change(kept, member, ctx)
    kept.ids[#kept.ids + 1] = member.change.id
  end
  for _, change in ipairs(window.causes) do keep_cause(kept, change, ctx) end
  return kept
end
