--- What the probes of things at a path share.
local fault = require "neap.engine.fault"
local place = require "neap.place"

local look = {}

--- Raises an error that a person can do something about.
function look.fail(fmt, ...) fault.raise("failed", nil, fmt, ...) end

--- Whether a script succeeds. What it says is not asked for, and goes nowhere: it would go to the answers' own file, in
-- which a program that runs as somebody else could read where an answer ends, and answer for others.
function look.succeeds(host, script) return host:run("exec >/dev/null 2>&1\n" .. script).rc == 0 end

--- Raises unless the directory of `path` is there, or will be when the plan gets here.
function look.parent(host, path)
  local dir = place.split(path)
  if dir == "/" then return end
  local st = host:stat(dir)
  if not st then
    host:missing("directory '%s' does not exist and no resource makes it: declare directory \"%s\"", dir, dir)
  end
  if st.kind ~= "directory" and st.kind ~= "symlink" then look.fail("'%s' is no directory", dir) end
end

local names = {
  file = "a file", directory = "a directory", symlink = "a symbolic link", other = "a device, pipe or socket",
}

--- What things at a path are called.
look.NOUNS = { file = "file", directory = "directory", symlink = "link", other = "device, pipe or socket" }

--- What stands at `path`, when it is of another kind than wanted: attributes that say so, or, unless `force`, an
-- error.
function look.occupied(path, st, kind, want)
  if want and not want.force then
    look.fail("'%s' is %s, not %s: take it away, or say force = true to have it replaced", path, names[st.kind],
      names[kind])
  end
  return { occupied = st.kind, target = st.target }
end

--- Makes a resource that says nothing but that it is there comparable to something else in its place.
function look.unless_occupied(attrs)
  if not (attrs.mode or attrs.owner or attrs.group or attrs.content or attrs.source) then attrs.occupied = false end
end

--- Whether an account is wanted by its number, and has that one.
-- @param wanted name or number, or nil
function look.is_number(wanted, id) return wanted ~= nil and wanted:find("^%d+$") ~= nil and tonumber(wanted) == id end

--- Owner and group as found: by name, or by number where that number is wanted.
function look.owner(st, want)
  local function by(name, id, wanted) return look.is_number(wanted, id) and wanted or name end
  return by(st.owner, st.uid, want and want.owner), by(st.group, st.gid, want and want.group)
end

--- Raises unless an account is there, or will be when the plan gets here. A number is taken as it is.
-- @param database "passwd" or "group"
function look.account(host, database, name)
  if not name or name == "root" or name:find("^%d+$") or host:getent(database, name) then return end
  local what = database == "passwd" and "user" or "group"
  host:missing("%s '%s' does not exist and no resource makes it: declare %s \"%s\"", what, name, what, name)
end

--- The same for the owner and group that a change gives (a `foresee` of types).
function look.foresee(host, _, change)
  local from, to = change.from or {}, change.to
  for _, name in ipairs { "owner", "group" } do
    if to[name] ~= from[name] then look.account(host, name == "owner" and "passwd" or "group", to[name]) end
  end
end

--- What `stat` will say of something that `attrs` describe.
function look.predicted(kind, attrs, mode)
  return {
    kind = kind, mode = attrs.mode or mode, owner = attrs.owner or "root", group = attrs.group or "root",
    uid = attrs.owner and math.tointeger(tonumber(attrs.owner)) or nil,
    gid = attrs.group and math.tointeger(tonumber(attrs.group)) or nil,
    target = attrs.to,
  }
end

local above = { ids = {} } -- the ids of what leads to the directory that was asked for last: much lies in the same

local function ids_above(path)
  local directory = place.split(path)
  if above.directory ~= directory then
    local ids = {}
    for _, dir in ipairs(place.above(path)) do
      ids[#ids + 1] = "directory:" .. dir
      ids[#ids + 1] = "symlink:" .. dir
    end
    above = { directory = directory, ids = ids }
  end
  return table.move(above.ids, 1, #above.ids, 1, {})
end

--- Resources that something at `path` needs first, if they are declared: the directories above, its owner and group, or
-- the user who brings the group of his name.
function look.depends(path, attrs)
  local ids = ids_above(path)
  if attrs.owner then ids[#ids + 1] = "user:" .. attrs.owner end
  if attrs.group then
    ids[#ids + 1] = "group:" .. attrs.group
    ids[#ids + 1] = "user:" .. attrs.group
  end
  return ids
end

--- Raises unless a mode is four octal digits; makes three four.
function look.mode(mode)
  if mode == nil then return nil end
  if type(mode) ~= "string" or not mode:find("^[0-7]?[0-7][0-7][0-7]$") then
    error(("mode is a string of octal digits such as \"0644\", not '%s'"):format(tostring(mode)), 0)
  end
  return ("0"):rep(4 - #mode) .. mode
end

return look
