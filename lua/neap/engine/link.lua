--- What of a host must come before what: names in meta attributes resolved, implied dependencies added.
local fault = require "neap.engine.fault"
local meta = require "neap.engine.meta"
local near = require "neap.near"
local resource_of = require "neap.engine.resource"
local taint = require "neap.core.taint"

local link = {}

local function put(list, id)
  for _, known in ipairs(list) do
    if known == id then return end
  end
  list[#list + 1] = id
end

-- Calls `fn` with each declared id that `id` stands for; "type:*" is all of a type, of those before the resource
-- `until_it` if given. Tells whether the name is known.
local function each(self, id, until_it, fn)
  if self.by_id[id] then
    fn(id)
    return true
  end
  local kind = id:match("^([%w_]+):%*$")
  if not kind then return false end
  for _, other in ipairs(self.resources) do
    if other == until_it then break end
    if other.type == kind then fn(other.id) end
  end
  return true
end

local function undeclared(self, resource, name, id)
  local kind = id:match("^([%w_]+):")
  local types = self.context.types
  local hint = types:get(kind) and near.hint(id, self.by_id) or near.hint(kind, types:names())
  return resource_of.problem(resource.declaration, name, "'%s' names '%s', which is not declared%s", name, id, hint)
end

-- What the playbook says.
local function declared(self, resource, faults)
  for _, name in ipairs(meta.naming(resource.rtype)) do
    for _, id in ipairs(resource.meta[name] or {}) do
      local known = each(self, id, nil, function(other)
        if other ~= resource.id and name == "before" then
          put(self.by_id[other].needs, resource.id)
        elseif other ~= resource.id or other == id then
          put(resource.needs, other)
        end
      end)
      if not known then faults[#faults + 1] = undeclared(self, resource, name, id) end
    end
  end
  for _, id in ipairs(resource.mentions) do put(resource.needs, id) end
end

-- Of what is to go, a file goes before its directory. Its attributes need not be whole, and a type may stumble
-- over that.
local function implied_going(self, resource)
  local ok, ids = pcall(resource.rtype.depends, resource.key, resource.attrs)
  for _, id in ipairs(ok and ids or {}) do
    local other = self.by_id[id]
    if other and other.absent and other ~= resource then put(other.needs, resource.id) end
  end
end

-- Whether each of the ids is a text that names one resource: as nearly always.
local function are_simple(ids)
  local ok, text = pcall(table.concat, ids, " ")
  return ok and not text:find(":*", 1, true)
end

-- What the type knows: a file needs its directory, where that is declared.
local function implied(self, resource, faults)
  if not resource.rtype.depends then return end
  if resource.absent then return implied_going(self, resource) end
  local function need(other)
    if other ~= resource.id then put(resource.needs, other) end
  end
  local ok, ids = pcall(resource.rtype.depends, resource.key, resource.attrs)
  if ok and are_simple(ids) then
    for i = 1, #ids do
      if self.by_id[ids[i]] then need(ids[i]) end
    end
    return
  end
  local problem = not ok and fault.plain(ids)
  for _, id in ipairs(ok and ids or {}) do
    if taint.is(id) then
      problem = "it names a user, a group or a path, and that cannot be a secret"
    else
      each(self, id, resource, need)
    end
  end
  if problem then faults[#faults + 1] = resource_of.problem(resource.declaration, nil, "%s", problem) end
end

-- Whether `id` comes after `other` already, by what it needs.
local function comes_after(self, id, other, seen)
  if id == other then return true end
  if seen[id] then return false end
  seen[id] = true
  for _, needed in ipairs(self.by_id[id].needs) do
    if comes_after(self, needed, other, seen) then return true end
  end
  return false
end

-- What a type supplies may come from what is declared before it: a package from a source of packages.
local function supplied(self)
  local suppliers = {}
  for _, resource in ipairs(self.resources) do
    local supplies = resource.rtype.supplies
    for _, id in ipairs(not resource.absent and suppliers[resource.type] or {}) do
      if not comes_after(self, id, resource.id, {}) then put(resource.needs, id) end
    end
    if supplies and not resource.absent then
      suppliers[supplies] = suppliers[supplies] or {}
      table.insert(suppliers[supplies], resource.id)
    end
  end
end

--- Sets `needs` of all resources; names that nothing was declared by go into `faults`.
-- @param context types, host
function link.all(resources, by_id, context, faults)
  local self = { resources = resources, by_id = by_id, context = context }
  for _, resource in ipairs(resources) do resource.needs = {} end
  for _, resource in ipairs(resources) do declared(self, resource, faults) end
  for _, resource in ipairs(resources) do implied(self, resource, faults) end
  supplied(self)
  for _, resource in ipairs(resources) do resource.declaration, resource.mentions = nil, nil end
end

return link
