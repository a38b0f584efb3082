--- What a saved plan says once it is open, held against what is read from it. The seal tells that a project's key made
-- it, not that this version of Neap, and these types, did.

local fault = require "neap.engine.fault"
local meta = require "neap.engine.meta"
local schema = require "neap.engine.schema"
local shape = require "neap.engine.shape"

local planbody = {}

-- What is read from a plan.
local RESOURCE = {
  type = "string", key = "string", id = "string", where = "?string", absent = "?boolean", attrs = { "map", "any" },
  meta = { "map", "any" }, with = "?string",
}
local CHANGE = {
  id = "string", kind = "string", notes = { "list", "string" }, from = { "map", "any", may = true },
  to = { "map", "any", may = true }, differs = { "map", "any" }, trigger = "?string", unknown = "?string",
  because = { "list", "string", may = true }, batch_notes = { "list", "string", may = true }, scripts = "?string",
}

--- The options of a run that a plan keeps, for the one that carries it out.
planbody.FLAGS = {
  prune = "?boolean", allow_data_loss = "?boolean", allow_barriers = "?boolean", keep_versions = "?boolean",
  remove_homes = "?boolean", ours = "?boolean", theirs = "?boolean", serial = "?string", max_fail = "?string",
  on_failure = "?string",
}

local BODY = {
  playbook = "?string", types = "?string", inventory = { "list", "string" }, flags = planbody.FLAGS,
  hosts = { "list", {
    name = "string", machine_id = "?string", list = { "list", RESOURCE }, changes = { "list", CHANGE },
    dropped = { "list", RESOURCE, may = true },
    outside = { "list", { id = "string", verb = "string", on = "string" }, may = true },
  } },
}

local KINDS = { create = true, update = true, delete = true, unknown = true }

--- Whether decoded JSON is the body of a plan.
function planbody.fits(told) return shape.fits(told, BODY) end

local function is_sound(resource)
  if resource.id ~= resource.type .. ":" .. resource.key or not meta.holds(resource.meta) then return false end
  return not schema.objection(resource.rtype, resource.key, resource.attrs, not resource.absent)
end

-- Gives the resources of a list their types; returns whether they are what those know.
local function add_types(list, types)
  for _, resource in ipairs(list or {}) do
    resource.rtype = types:get(resource.type)
    if not resource.rtype then
      fault.raise("usage", nil, "the plan needs the resource type '%s', which is no longer there", resource.type)
    end
    if not is_sound(resource) then return false end
  end
  return true
end

-- Whether each change is one that there is, of a resource that the plan has.
local function has_all(host)
  local index = {}
  for _, resource in ipairs(host.list) do index[resource.id] = resource end
  for _, change in ipairs(host.changes) do
    if not index[change.id] or not KINDS[change.kind] then return false end
  end
  return true
end

--- Gives the resources of one host their types.
-- @return whether they, and the changes, are what those types know
function planbody.complete(host, types)
  return add_types(host.list, types) and add_types(host.dropped, types) and has_all(host)
end

return planbody
