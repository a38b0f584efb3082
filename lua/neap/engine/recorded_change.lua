--- The change from one record of a resource to another, in the form that changes of a plan have.
--
--     side a: {mode=0644, content={file=…}} ┐
--     side b: {mode=0600, content={file=…}} ┴─▶ ~ file /etc/x, mode: 0644 → 0600
--
-- Nothing is unsealed: of a secret it is known only that it is another one.

local crypto = require "neap.core.crypto"
local json = require "neap.core.json"
local taint = require "neap.core.taint"
local difference = require "neap.engine.difference"
local entry_of = require "neap.engine.entry"

local TEXT_MAX = 80 -- bytes of a setting that are shown

-- A resource's record; what is none is shown as if it were not there.
local function entry_in(text)
  local entry = text and json.decode(text)
  return type(entry) == "table" and entry_of.is(entry) and entry or nil
end

local function is_text(value) return type(value) == "table" and type(value.file) == "string" end
local function is_sealed(value)
  return type(value) == "table" and (type(value.sealed) == "string" or type(value.sealed_in) == "string")
end

-- A recorded value as it may be shown; what is told by name where it is sealed.
local function shown(value, side, root, name)
  if is_text(value) then return side.read(root .. value.file) or "" end
  if not is_sealed(value) then return value end
  local sealed = value.sealed
  return taint.wrap(type(sealed) == "string" and sealed or side.read(root .. value.sealed_in) or "", name)
end

-- Whether two recorded values are the same without their texts being read.
local function same_value(a, b, side_a, side_b, roots)
  if is_text(a) and is_text(b) then return a.sha256 == b.sha256 end
  if is_sealed(a) and is_sealed(b) and type(a.sealed_in) == "string" and type(b.sealed_in) == "string" then
    return roots[1] == roots[2] and side_a.read(roots[1] .. a.sealed_in) == side_b.read(roots[2] .. b.sealed_in)
  end
  return difference.same(a, b)
end

local function names_of(a, b)
  local names = {}
  for name in pairs(a or {}) do names[name] = true end
  for name in pairs(b or {}) do names[name] = true end
  return names
end

-- The change from one recorded state (nil: absent) to another, or nil.
local function change_of(entry, a, b, sides, roots)
  local change = { from = a and {}, to = b and {}, differs = {}, notes = {} }
  local attributes = {}
  for name in pairs(names_of(a, b)) do
    local old, new = a and a[name], b and b[name]
    local same = same_value(old, new, sides[1], sides[2], roots)
    attributes[name] = { blob = (is_text(old) or is_text(new)) and not is_sealed(old) and not is_sealed(new) }
    if not same or not a or not b then
      if a then change.from[name] = shown(old, sides[1], roots[1], "sealed") end
      if b then change.to[name] = shown(new, sides[2], roots[2], a and "another value" or "sealed") end
      change.differs[name] = a and b and true or nil
    end
  end
  change.kind = a and b and "update" or a and "delete" or "create"
  change.id = entry.type .. ":" .. entry.key
  change.resource = {
    type = entry.type, key = entry.key, id = change.id, meta = {}, where = entry.where,
    rtype = { attributes = attributes },
  }
  if (a or b) and not (a and b and next(change.differs) == nil) then return change end
  change.kind, change.same = "update", true
  return change
end

local function state_of(entry)
  local state = entry and entry.state
  return type(state) == "table" and state or nil
end

-- A recorded setting as text: lists as words, a long text by its digest, a secret not at all.
local function setting(value)
  if value == nil then return "(none)" end
  if type(value) == "string" and (#value > TEXT_MAX or value:find("\n")) then
    return ("%d bytes, sha256 %s…"):format(#value, crypto.sha256(value):sub(1, 12))
  end
  if type(value) ~= "table" then return tostring(value) end
  if value.sealed then return "<secret:sealed>" end
  local parts = {}
  for i, member in ipairs(value) do parts[i] = setting(member) end
  if #parts > 0 then return table.concat(parts, ", ") end
  for name in pairs(value) do parts[#parts + 1] = tostring(name) end
  table.sort(parts)
  for i, name in ipairs(parts) do parts[i] = name .. "=" .. setting(value[name]) end
  return "[" .. table.concat(parts, ", ") .. "]"
end

local function add_notes(notes, was, is)
  local names = {}
  for name in pairs(names_of(was, is)) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    if not difference.same(was[name], is[name]) then
      notes[#notes + 1] = ("%s: %s → %s"):format(name, setting(was[name]), setting(is[name]))
    end
  end
end

-- What is said about the resource, beside its state. Which attributes are managed is for the way back, and no news.
local function notes_of(old, new)
  local notes = {}
  add_notes(notes, old.options or {}, new.options or {})
  add_notes(notes, old.meta or {}, new.meta or {})
  return notes
end

-- The tags that one of two records has, so that -t finds the resource.
local function tags_of(old, new)
  local list = {}
  for _, entry in ipairs { old or new, new } do
    local tags = type(entry.meta) == "table" and entry.meta.tags
    for _, tag in ipairs(type(tags) == "table" and tags or {}) do list[#list + 1] = tag end
  end
  return list
end

-- The change from one record to the other, one of which may be missing.
local function between_records(path, old, new, a, b)
  local entry, change = new or old
  if old and new then
    change = change_of(entry, state_of(old), state_of(new), { a, b }, { "", "" })
    change.notes = notes_of(old, new)
    return not (change.same and #change.notes == 0) and change or nil
  elseif new then
    local genesis = entry_in(b.read("genesis/" .. path))
    change = change_of(entry, state_of(genesis), state_of(new), { b, b }, { "genesis/", "" })
    change.first = true
  else
    local genesis = entry_in(a.read("genesis/" .. path))
    change = change_of(entry, state_of(old), state_of(genesis), { a, a }, { "", "genesis/" })
    change.notes = { "no longer recorded: it is as it was before Neap" }
  end
  return change
end

--- The change of the resource whose record, at `path` below a host, differs; nil where neither side has one that can be
-- read, or it says the same.
-- @param a, b sides: { read = function(path below the host) -> text|nil }
return function(path, a, b)
  local old, new = entry_in(a.read(path)), entry_in(b.read(path))
  local change = (old or new) and between_records(path, old, new, a, b)
  if change then change.resource.meta.tags = tags_of(old, new) end
  return change or nil
end
