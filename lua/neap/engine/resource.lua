--- A declaration turned into a resource: attributes held against the schema, defaults filled in, meta attributes read.
local fault = require "neap.engine.fault"
local frozen = require "neap.engine.frozen"
local meta = require "neap.engine.meta"
local near = require "neap.near"
local place = require "neap.engine.place"
local references = require "neap.engine.references"
local schema = require "neap.engine.schema"

local resource = {}

--- A fault about one attribute (or none: nil) of a declaration, at that attribute's own line.
function resource.problem(declaration, name, fmt, ...)
  local file = declaration.where and declaration.where:match("^(.*):%d+$")
  local text = file and declaration.context.text_of and declaration.context.text_of(file)
  local where = name and place.of(declaration.where, name, text) or declaration.where
  return fault.new("playbook", where, "%s: " .. fmt, declaration.id, ...)
end

local function unknown_attribute(declaration, name)
  if type(name) ~= "string" then
    return resource.problem(declaration, nil, "attributes are given by name, and one is the %s %s", type(name),
      tostring(name))
  end
  local known = {}
  for attribute, spec in pairs(declaration.rtype.attributes) do
    if not spec.readonly then known[#known + 1] = attribute end
  end
  for name_of in pairs(meta.of(declaration.rtype)) do known[#known + 1] = name_of end
  if name:find("_on$") and #(declaration.rtype.triggers or {}) == 0 and near.hint(name, known) == "" then
    return resource.problem(declaration, name, "a %s takes no '%s': it cannot be told to", declaration.type, name)
  end
  local hint = near.hint(name, known)
  if hint == "" then
    hint = (": see neap doc %s"):format(declaration.type)
    if name == "state" or name == "ensure" then
      hint = (": to declare it says that it is there, absent.%s \"%s\" that it is not"):format(declaration.type,
        declaration.key)
    end
  end
  return resource.problem(declaration, name, "no attribute '%s'%s", name, hint)
end

-- One given attribute into made.attrs or made.meta; returns a fault or nil.
local function take(made, declaration, name, v, plain)
  local spec = declaration.rtype.attributes[name]
  if spec and spec.readonly then
    return resource.problem(declaration, name, "attribute '%s' is found, not declared", name)
  end
  if spec then
    local value, wrong = schema.value(spec, v, plain)
    if wrong then return resource.problem(declaration, name, "attribute '%s' %s", name, wrong) end
    made.attrs[name] = value
    return nil
  end
  local kind = meta.of(declaration.rtype)[name]
  if not kind then return unknown_attribute(declaration, name) end
  local value, wrong = meta.read(kind, v, declaration.context, declaration.id)
  if wrong then return resource.problem(declaration, name, "attribute '%s' %s", name, wrong) end
  made.meta[name] = value
end

-- What is given, in the order of its names. Of a name that is none, and of a value that makes no sense, it is told
-- where it stands.
local function take_all(made, declaration, plain, faults)
  local ok, names = pcall(frozen.keys, declaration.given or {})
  if not ok then
    faults[#faults + 1] = resource.problem(declaration, nil, "attributes are given by name: %s", fault.plain(names))
    return
  end
  local at = 0
  local function take_rest()
    while at < #names do
      at = at + 1
      faults[#faults + 1] = take(made, declaration, names[at], declaration.given[names[at]], plain)
    end
  end
  while at < #names do
    local fine, problem = pcall(take_rest)
    if not fine and not fault.is(problem) then
      problem = resource.problem(declaration, names[at], "attribute '%s': %s", tostring(names[at]),
        fault.plain(problem))
    end
    faults[#faults + 1] = problem
  end
end

-- Attributes that name a file of the project become that file's content.
local function read_inputs(made, declaration)
  for _, name in ipairs(declaration.rtype.reading_names) do
    local spec = declaration.rtype.attributes[name]
    local path = made.attrs[name]
    if path then
      if made.attrs[spec.reads] ~= nil then
        return resource.problem(declaration, name, "has both '%s' and '%s': one is enough", name, spec.reads)
      end
      local ok, content = pcall(declaration.context.read_input, path)
      if not ok then return resource.problem(declaration, name, "%s", fault.plain(content)) end
      made.attrs[spec.reads], made.attrs[name] = content, nil
    end
  end
end

local function complete(made, declaration)
  local rtype = declaration.rtype
  local missing = schema.fill(rtype, made.key, made.attrs)
  if missing then return resource.problem(declaration, nil, "attribute '%s' is required", missing) end
  if not rtype.check then return nil end
  local ok, result = pcall(rtype.check, made.key, made.attrs, made.meta)
  if not ok then return resource.problem(declaration, nil, "%s", fault.plain(result)) end
  made.attrs = result or made.attrs
end

--- The resource that a declaration makes; or nil, and what is wrong put into `faults`.
function resource.new(declaration, faults)
  local made = {
    type = declaration.type, rtype = declaration.rtype, key = declaration.key, id = declaration.id,
    absent = declaration.absent, attrs = {}, meta = { after = {}, before = {}, tags = {} }, mentions = {},
    where = declaration.where, component = declaration.component, declaration = declaration,
  }
  local before, plain = #faults, references.plain_with(made.mentions)
  take_all(made, declaration, plain, faults)
  faults[#faults + 1] = read_inputs(made, declaration)
  if made.absent then schema.fill_absent(made.rtype, made.attrs) end
  if #faults == before and not made.absent then faults[#faults + 1] = complete(made, declaration) end
  if #faults > before then return nil end
  table.insert(made.meta.tags, declaration.component)
  return made
end

return resource
