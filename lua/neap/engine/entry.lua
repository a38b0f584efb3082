--- The record of one resource: where it stands, and what it says.
--
--     resources/<type>/<key>.json   what the last probe saw, and what was said of it
--     files/<path>                  the content of a file, as text
--     blobs/<type>/<key>.<name>     other large texts; and that content where its place is another file's folder, or a
--                                   folder above it is a file here: one was made of the other since
--
-- A key that is a path keeps its slashes, so that the tree reads like the host's own. What holds a secret is sealed
-- with the project's key.

local crypto = require "neap.core.crypto"
local json = require "neap.core.json"
local taint = require "neap.core.taint"
local difference = require "neap.engine.difference"
local frozen = require "neap.engine.frozen"
local shape = require "neap.engine.shape"

local entry = {}

-- Whether a name is .git, or what Windows and macOS take for it: its short name, with blanks, dots or a stream behind,
-- with letters in it that nobody sees.
local function is_gits(name)
  name = name:lower():gsub("\xe2\x80[\x8c-\x8f\xaa-\xae]", ""):gsub("\xe2\x81[\xaa-\xaf]", ""):gsub("\xef\xbb\xbf", "")
  local rest = name:match("^%.git(.*)$") or name:match("^git~1(.*)$")
  return rest and (rest:find("^[ .]*$") or rest:find("^[:\\]")) ~= nil
end

-- A path component that git would refuse, or that could be taken for
-- another name here, is escaped the way URLs are.
local function component(name)
  name = name:gsub("[%%%z\1-\31]", function(c) return string.format("%%%02X", c:byte()) end)
  if name == "." or name == ".." then return (name:gsub("%.", "%%2E")) end
  if is_gits(name) then return string.format("%%%02X", name:byte()) .. name:sub(2) end
  if name:match("%.json$") then return name:sub(1, -6) .. "%2Ejson" end
  return name
end

local function key_path(key)
  if key:sub(1, 1) ~= "/" then return (component(key):gsub("/", "%%2F")) end
  local names = {}
  for name in key:gmatch("[^/]+") do names[#names + 1] = component(name) end
  return table.concat(names, "/")
end

-- What is read from a resource's record.
local ENTRY = {
  type = "string", key = "string", where = "?string", managed = { "list", "string", may = true },
  options = { "map", "any", may = true }, meta = { "map", "any", may = true }, first = { "map", "any", may = true },
  under = "?boolean", over = "?string", around = { "map", "any", may = true },
  came = { "list", "string", may = true }, at = { "list", "string", may = true },
}

--- Whether decoded JSON is the record of a resource.
function entry.is(one)
  return shape.fits(one, ENTRY) and one.type:find("^[%a_][%w_]*$") ~= nil and one.key ~= "" and
    (one.state == nil or one.state == json.null or shape.fits(one.state, { "map", "any" }))
end

--- Path of a resource's record below hosts/<host>/ (or its genesis/).
function entry.path(rtype_name, key) return "resources/" .. rtype_name .. "/" .. key_path(key) .. ".json" end

--- The paths at which a large attribute of it may stand; the first is preferred. Of the things that may stand at one
-- path, only a file's content has the name that people look for; the last never meets a folder.
function entry.blob_paths(rtype_name, key, attribute)
  local ending = "." .. attribute
  local own = (key_path(key) .. ending):gsub("%" .. ending .. "/", "%%2E" .. attribute .. "/")
  own = "blobs/" .. rtype_name .. "/" .. own
  if rtype_name == "file" and attribute == "content" then return { "files/" .. key_path(key), own } end
  return { own }
end

-- The folders in which contents of files are recorded, of each set of records that was asked for.
local folders = setmetatable({}, { __mode = "k" })

local function folders_of(recorded)
  local known = folders[recorded]
  if known then return known end
  known = {}
  for path in pairs(recorded) do
    local folder = path:find("^files/") or path:find("^genesis/files/")
    folder = folder and path:match("^(.*)/")
    while folder and not known[folder] do
      known[folder] = true
      folder = folder:match("^(.*)/")
    end
  end
  folders[recorded] = known
  return known
end

-- Whether a path is a folder of what is recorded, or one above it is a file there.
local function is_taken(path, recorded)
  if folders_of(recorded)[path] then return true end
  local folder = path:match("^(.*)/")
  while folder do
    if recorded[folder] then return true end
    folder = folder:match("^(.*)/")
  end
  return false
end

-- Where a large attribute stands: where it stood, or at the first of its paths that is free.
local function blob_path(resource, attribute, at)
  local paths = entry.blob_paths(resource.type, resource.key, attribute)
  for _, path in ipairs(paths) do
    if at.recorded[at.root .. path] then return path end
  end
  return paths[2] and is_taken(at.root .. paths[1], at.recorded) and paths[2] or paths[1]
end

--- The paths of a resource's record and its texts, of those that are there.
-- @param files { [path below hosts/<host>/] = … }
-- @param root "" or "genesis/"
function entry.recorded(rtype, key, files, root)
  local paths = {}
  local function add(path) paths[#paths + 1] = files[root .. path] and root .. path or nil end
  add(entry.path(rtype.name, key))
  for attribute in pairs(rtype.attributes) do
    for _, path in ipairs(entry.blob_paths(rtype.name, key, attribute)) do add(path) end
  end
  return paths
end

-- One attribute as JSON has it; large text goes to a file of its own, put
-- into `files`.
local function attribute_value(value, schema, place, key)
  local context = place.context
  if taint.is(value) then
    local sealed = crypto.seal(key, value, context)
    if not schema.blob then return { sealed = sealed } end
    place.files[place.blob] = sealed .. "\n"
    return { sealed_in = place.blob }
  end
  if schema.blob and type(value) == "string" then
    place.files[place.blob] = value
    return { file = place.blob, sha256 = crypto.sha256(value), bytes = #value }
  end
  return value
end

--- A state as JSON has it; large texts are put into `files`.
-- @param context what sealed values are bound to
-- @param at { root, recorded } as entry.files takes them
function entry.state(resource, state, files, context, key, at)
  if not state then return json.null end
  local out = {}
  for name, value in pairs(state) do
    local schema = resource.rtype.attributes[name]
    schema = type(schema) == "table" and schema or {}
    if not schema.option then
      local place = { files = files, context = context .. "#" .. name }
      place.blob = schema.blob and blob_path(resource, name, at)
      out[name] = attribute_value(value, schema, place, key)
    end
  end
  return out
end

--- Whether what was said holds of what is there: an option that describes one thing (the files of a release) does not
-- describe the next that is found in its place.
-- @param said attributes and options as they were said together
-- @param state what is there, or false
function entry.describes(rtype, name, said, state)
  local schema = rtype.attributes[name]
  local of = state and type(schema) == "table" and schema.describes
  return not of or said[of] == state[of]
end

-- A secret may stand in a table too: the environment of a command.
local function option_value(value, context, key)
  if taint.is(value) then return { sealed = crypto.seal(key, value, context) } end
  if type(value) ~= "table" then return value end
  local out = {}
  for name, member in pairs(value) do out[name] = option_value(member, context .. "." .. name, key) end
  return out
end

local function is_recorded_option(resource, name, value, whole)
  local schema = resource.rtype.attributes[name]
  if type(schema) ~= "table" or schema.recorded == false or schema.reads or schema.blob then return false end
  local is_said = schema.option or whole and not schema.readonly
  return is_said and (not schema.recorded or schema.recorded(value))
end

-- Whether its key is a label, which does not tell what it stands for.
local function is_label(resource)
  local denotes = resource.rtype.denotes
  return denotes ~= nil and denotes(resource.key, resource.attrs) ~= nil
end

-- The names of a type's options, sorted.
local function option_names(rtype)
  if rtype.option_names then return rtype.option_names end
  local names = {}
  for name, schema in pairs(rtype.attributes) do
    if type(schema) == "table" and schema.option then names[#names + 1] = name end
  end
  table.sort(names)
  rtype.option_names = names
  return names
end

--- The options of a resource that a way back needs, or nil: what `match`es,
-- where a release comes from; not what was made of them (see schema.lua). Of
-- what is to be absent, and of a label of which nothing is there, all that was
-- said: where a line was.
-- @param state what is there of it, or false
function entry.options(resource, state)
  local whole, options = resource.absent or not state and is_label(resource), nil
  for _, name in ipairs(whole and frozen.keys(resource.attrs) or option_names(resource.rtype)) do
    local value = resource.attrs[name]
    local is_of_it = value ~= nil and entry.describes(resource.rtype, name, resource.attrs, state)
    if is_of_it and is_recorded_option(resource, name, value, whole) then
      options = options or {}
      options[name] = value
    end
  end
  return options
end

local function managed_names(resource)
  local names = {}
  for name in pairs(resource.absent and {} or resource.attrs) do
    local schema = resource.rtype.attributes[name]
    if not (type(schema) == "table" and schema.option) then names[#names + 1] = name end
  end
  table.sort(names)
  return json.array(names)
end

local META = { "after", "restart_on", "reload_on", "run_on", "validate", "wait", "tags", "guard" }

local function meta_value(resource)
  local meta
  for _, name in ipairs(META) do
    local value = (resource.own_meta or resource.meta)[name]
    if value and (type(value) ~= "table" or #value > 0) then
      meta = meta or {}
      meta[name] = value
    end
  end
  return meta
end

-- Options as JSON has them, or nil where there are none.
local function options_value(options, context, key)
  return options and next(options) ~= nil and option_value(options, context .. "#", key) or nil
end

-- Those of a record that hold of what is there now, or nil where it has none.
local function options_of(rtype, old, state)
  if not old.options then return nil end
  local said, options = difference.overlay(old.options, old.state or {}), {}
  for name, value in pairs(old.options) do
    if entry.describes(rtype, name, said, state) then options[name] = value end
  end
  return options
end

-- The options of what goes back to a recorded state: those of then, but of a label of which nothing is there, though
-- there was then, all that is known.
local function options_again(resource, state)
  local old = resource.as_recorded
  if state or not old.state or not is_label(resource) then return options_of(resource.rtype, old, state) end
  return entry.options(resource, state)
end

--- The paths of the texts that a decoded record names, below its root.
function entry.texts(made)
  local paths = {}
  for _, values in ipairs { made.state or false, made.first or false } do
    for _, value in pairs(type(values) == "table" and values ~= json.null and values or {}) do
      if type(value) == "table" then paths[#paths + 1] = value.file or value.sealed_in end
    end
  end
  return paths
end

--- The files that record `state` of `resource`, by path below the host.
-- @param root "" or "genesis/"
-- @param key sealing key of the project
-- @param recorded { [path below hosts/<host>/] = bytes } at HEAD, or nil where there is nothing
function entry.files(host, resource, state, root, key, recorded)
  local files = {}
  local context = "hosts/" .. host .. "/" .. root .. resource.id
  local made = {
    type = resource.type, key = resource.key,
    state = entry.state(resource, state, files, context, key, { root = root, recorded = recorded or {} }),
  }
  if root == "" and resource.as_recorded then
    local old = resource.as_recorded.entry
    made.managed, made.where, made.meta = old.managed, old.where, old.meta
    made.options = options_value(options_again(resource, state), context, key)
  elseif root == "" then
    made.managed, made.where, made.meta = managed_names(resource), resource.where, meta_value(resource)
    made.options = options_value(entry.options(resource, state), context, key)
  end
  files[entry.path(resource.type, resource.key)] = json.encode(made, { indent = 2 }) .. "\n"
  local placed = {}
  for path, bytes in pairs(files) do placed[root .. path] = bytes end
  return placed
end

return entry
