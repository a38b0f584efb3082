--- What a playbook declares on one host, from words to resources.
-- A word of the playbook (`file "/etc/x" { … }`) makes a declaration at once and gives a reference to it; nothing is
-- checked before the playbook has ended, since a reference may still be given its attributes. Then declarations
-- become resources: attributes held against the schema, names resolved, duplicates found.
--
--     file "/etc/x" { mode = "0600", after = pkg, tags = "web" }
--      │     │        └ attributes     └ meta: what is about the resource and not of it
--      type  key
local fault = require "neap.engine.fault"
local frozen = require "neap.engine.frozen"
local link = require "neap.engine.link"
local references = require "neap.engine.references"
local resource = require "neap.engine.resource"
local taint = require "neap.core.taint"

local Declarations = {}
Declarations.__index = Declarations

--- @param context types, where = function() -> "file:line", text_of = function(file) -> text|nil, host = name,
--   component = function() -> name|nil, host_names = function() -> { names }
function Declarations.new(context) return setmetatable({ context = context, list = {} }, Declarations) end

local function key_text(self, rtype, key)
  local named = references.declaration(key)
  if named then key = named.key end
  if taint.is(key) then fault.raise("playbook", self.context.where(), "%s: a secret cannot be a key", rtype.name) end
  if type(key) ~= "string" or key == "" then
    fault.raise("playbook", self.context.where(), "%s wants a %s: %s \"…\", got %s", rtype.name, rtype.key, rtype.name,
      key == "" and "an empty one" or type(key))
  end
  if key:find("%z") then fault.raise("playbook", self.context.where(), "%s: a key holds no NUL byte", rtype.name) end
  return key
end

--- Declares one resource; returns its reference.
function Declarations:add(rtype, key, absent)
  key = key_text(self, rtype, key)
  local where = self.context.where(4)
  if rtype.check_key then
    local ok, result = pcall(rtype.check_key, key, absent)
    if not ok then fault.raise("playbook", where, "%s:%s: %s", rtype.name, key, fault.plain(result)) end
    key = result or key
  end
  local declaration = {
    type = rtype.name, rtype = rtype, key = key, id = rtype.name .. ":" .. key, absent = absent or false,
    where = where, component = self.context.component and self.context.component(), context = self.context,
  }
  self.list[#self.list + 1] = declaration
  return references.new(declaration)
end

--- From now on the attributes that are given to `ref` go through `fn(given, where)` first.
function Declarations:transform(ref, fn) references.declaration(ref).transform = fn end

--- The word for a type: `file "/x"`, or `file { "/x", "/y" }` for several; their attributes follow, as
-- `file "/x" { … }` or `file("/x", { … })`.
function Declarations:word(rtype, absent)
  local function declare(key)
    if type(key) ~= "table" or references.declaration(key) then return self:add(rtype, key, absent) end
    local refs = {}
    for i, one in ipairs(key) do refs[i] = self:add(rtype, one, absent) end
    for name in pairs(frozen.raw(key)) do
      if math.type(name) ~= "integer" then
        fault.raise("playbook", self.context.where(), "%s wants a %s first: %s \"…\" { %s = … }", rtype.name, rtype.key,
          rtype.name, tostring(name))
      end
    end
    return references.several(refs)
  end
  return function(key, ...) return references.given(declare(key), ...) end
end

local function equal(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for k, v in pairs(a) do if not equal(v, b[k]) then return false end end
  for k in pairs(b) do if a[k] == nil then return false end end
  return true
end

local function same(a, b)
  local ma, mb = frozen.copy(a.meta), frozen.copy(b.meta)
  ma.tags, mb.tags = nil, nil
  return a.absent == b.absent and equal(a.attrs, b.attrs) and equal(ma, mb)
end

-- The same thing said twice is fine, and stays where it was said first.
local function add(self, made, faults)
  local first = self.by_id[made.id]
  if not first then
    made.index = #self.resources + 1
    self.resources[made.index] = made
    self.by_id[made.id] = made
  elseif same(first, made) then
    table.move(made.meta.tags, 1, #made.meta.tags, #first.meta.tags + 1, first.meta.tags)
  else
    faults[#faults + 1] = fault.new("playbook", made.where, "%s is declared twice, otherwise at %s", made.id,
      first.where)
  end
end

-- Of what a host has one of, one is declared.
local function check_only(resources, faults)
  local first = {}
  for _, made in ipairs(resources) do
    local other = made.rtype.only and not made.absent and first[made.type]
    if other then
      faults[#faults + 1] = fault.new("playbook", made.where, "%s: a host has one %s, and that is '%s' at %s",
        made.id, made.type, other.key, other.where)
    end
    first[made.type] = other or made
  end
end

-- Tells a type that takes away what nobody keeps (directory, with purge) which paths are kept: keys, and what types say
-- that they write elsewhere.
local function adopt(resources)
  local purging, paths = {}, {}
  for _, made in ipairs(resources) do
    if made.rtype.adopt and not made.absent then purging[#purging + 1] = made end
  end
  if #purging == 0 then return end
  for _, made in ipairs(resources) do
    local own = made.rtype.paths and made.rtype.paths(made.key, made.attrs) or { made.key }
    table.move(own, 1, #own, #paths + 1, paths)
  end
  for _, made in ipairs(purging) do made.rtype.adopt(made.key, made.attrs, paths) end
end

-- Lets those that know the same of a host agree.
local function agree(resources, by_id)
  for _, made in ipairs(resources) do
    if made.rtype.agree and not made.absent then made.rtype.agree(made, by_id) end
  end
end

--- Ends the declaring: returns the resources in declared order and by id. Each has `needs`: the ids of those that must
-- come before it. What is wrong goes into `faults`.
function Declarations:finish(faults)
  self.resources, self.by_id = {}, {}
  for _, declaration in ipairs(self.list) do
    local made = resource.new(declaration, faults)
    if made then add(self, made, faults) end
  end
  adopt(self.resources)
  agree(self.resources, self.by_id)
  check_only(self.resources, faults)
  if #faults == 0 then link.all(self.resources, self.by_id, self.context, faults) end
  return self.resources, self.by_id
end

return Declarations
