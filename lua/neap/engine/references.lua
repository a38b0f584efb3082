--- References: what a word of the playbook gives back, to name a resource by.
-- A reference stands for its resource's key wherever a value is wanted, and for the resource itself where others are
-- named (after, reload_on, ...). Calling it with a table gives the resource its attributes.
local fault = require "neap.engine.fault"
local frozen = require "neap.engine.frozen"
local taint = require "neap.core.taint"

local references = {}

local declaration_of = setmetatable({}, { __mode = "k" }) -- reference -> declaration
local key_of = setmetatable({}, { __mode = "k" }) -- reference -> its resource's key
local members_of = setmetatable({}, { __mode = "k" }) -- reference to several -> list of references

local function amend(declaration, attrs, where)
  if type(attrs) ~= "table" or declaration_of[attrs] then
    fault.raise("playbook", where, "%s: its attributes are given as a table: %s \"%s\" { … }", declaration.id,
      declaration.type, declaration.key)
  end
  if declaration.given then
    fault.raise("playbook", where, "%s: its attributes were given already at %s", declaration.id, declaration.where)
  end
  declaration.given = declaration.transform and declaration.transform(attrs, where) or attrs
end

local Reference = { __metatable = "reference", __name = "reference" }
function Reference.__index(ref, name)
  local declaration = declaration_of[ref]
  if name == "key" or name == "type" or name == "id" then return declaration[name] end
  fault.raise("playbook", declaration.context.where(), "a reference has 'key', 'type' and 'id', not '%s'",
    tostring(name))
end
function Reference.__newindex(ref)
  local declaration = declaration_of[ref]
  fault.raise("playbook", declaration.context.where(), "a reference cannot be changed")
end
function Reference.__call(ref, attrs)
  local declaration = declaration_of[ref]
  amend(declaration, attrs, declaration.context.where(3))
  return ref
end
function Reference.__tostring(ref) return declaration_of[ref].key end
Reference.__concat = taint.joiner(key_of)

local Several = { __metatable = "references", __name = "references" }
function Several.__call(refs, attrs)
  for _, ref in ipairs(members_of[refs]) do ref(attrs) end
  return refs
end

--- A reference to a declaration { id, type, key, context }.
function references.new(declaration)
  local ref = setmetatable({}, Reference)
  declaration_of[ref], key_of[ref] = declaration, declaration.key
  return ref
end

--- A reference to several, from a list of references.
function references.several(refs)
  local several = setmetatable(table.move(refs, 1, #refs, 1, {}), Several)
  members_of[several] = refs
  return several
end

--- A reference, with the attributes that stand in the same parentheses as its key: `file("/x", { … })`.
function references.given(ref, ...)
  if select("#", ...) == 0 then return ref end
  return ref(...)
end

--- The declaration behind a reference; nil for anything else.
function references.declaration(v) return declaration_of[v] end

--- Turns references into what they stand for; which ones were met is noted in `met`.
function references.plain_with(met)
  local function plain(v)
    if declaration_of[v] then
      met[#met + 1] = declaration_of[v].id
      return declaration_of[v].key
    end
    if members_of[v] then
      local keys = {}
      for i, ref in ipairs(members_of[v]) do keys[i] = plain(ref) end
      return keys
    end
  end
  return plain
end

--- The ids in a reference, an id, or any nesting of lists of them, appended to `list`; nil where something else is met.
function references.ids(v, list)
  v = frozen.raw(v)
  if declaration_of[v] then
    list[#list + 1] = declaration_of[v].id
  elseif type(v) == "table" then
    for _, member in ipairs(members_of[v] or v) do
      if not references.ids(member, list) then return nil end
    end
  elseif type(v) == "string" then
    list[#list + 1] = v
  else
    return nil
  end
  return list
end

return references
