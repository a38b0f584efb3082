--- A regular file: what is in it, whose it is, who may read it.
-- What is not said stays as it is; a new file is `root`'s and has the mode 0644, or 0600 when its content holds a
-- secret. Contents are written beside the file and renamed into place, so that nobody ever reads half of one. Its ACL
-- and extended attributes stay, unless it gets another owner; a mode that is narrower narrows the ACL, too. It has at
-- most 4 MiB; what is larger comes as a `release`.
-- @usage file "/etc/motd" { content = "Welcome to " .. host.name .. "\n" }
-- @usage file "/etc/sudoers.d/ops" { source = "files/sudoers", mode = "0440", validate = "visudo -cf %s" }
-- @usage absent.file "/etc/nginx/conf.d/old.conf"
local crypto = require "neap.core.crypto"
local directory_back = require "neap.directory_back"
local look = require "neap.look"
local place = require "neap.place"
local sh = require "neap.sh"
local taint = require "neap.core.taint"
local vital = require "neap.vital"

local LIMIT = 4 * 1024 * 1024 -- bytes; what the question `content` can bring back

local file = {
  name = "file", key = "path", atomic = true,
  attributes = {
    content = { type = "string", blob = true, doc = "The bytes of the file; may hold secrets." },
    source = { type = "string", option = true, reads = "content",
      doc = "A file of the project to take the content from." },
    mode = { type = "mode", doc = "Permissions in octal, such as \"0640\"." },
    owner = { type = "string", doc = "Name or number of the user that owns it." },
    group = { type = "string", doc = "Name or number of its group." },
    validate = { type = "string", option = true,
      doc = "A command that must succeed before the file is put into its place; %s is the path of the new file." },
    force = { type = "boolean", option = true,
      doc = "Replace a symbolic link, an empty directory or a device that stands in its place." },
    occupied = { type = "string", or_false = true, readonly = true,
      doc = "What was found in its place, when that is no file." },
    target = { type = "string", readonly = true, doc = "Where a link that was found in its place points." },
  },
}

file.check_key = vital.check_path

function file.check(key, attrs)
  vital.check_options(key, attrs, { "force" })
  attrs.mode = look.mode(attrs.mode)
  look.unless_occupied(attrs)
  local content = attrs.content
  if content and not taint.is(content) and #content > LIMIT then
    error(("content of %d bytes is more than the %d MiB that a file takes: what is larger comes as a release")
      :format(#content, LIMIT // 1048576), 0)
  end
  if attrs.validate and not attrs.validate:find("%s", 1, true) then
    error("validate must name the file to look at by %s, as in \"visudo -cf %s\"", 0)
  end
  return attrs
end

function file.depends(key, attrs) return look.depends(key, attrs) end

--- The content found: what is wanted when the hashes agree, so that only what differs travels. That of a file which is
-- to give way to a link again is known, too.
local function content_of(host, key, want)
  local wanted = want and want.content
  if want and not wanted and not want.occupied then return nil end
  if wanted and host:sha256(key) == crypto.sha256(wanted) then return wanted end
  return host:content(key)
end

file.foresee = directory_back.foresee_replacing

-- What stands in its place. What would bring a directory back is found, too: where what is wanted differs anyhow.
local function occupied(key, st, want)
  local found = look.occupied(key, st, "file", want)
  if st.kind == "directory" and want and (want.content or want.occupied) then
    found.mode, found.owner, found.group = st.mode, look.owner(st, want)
  end
  return found
end

function file.probe(host, key, want)
  if want and want.content then host:expect("sha256", key) end
  local st = host:stat(key)
  if not st then
    if want then look.parent(host, key) end
    return nil
  end
  if st.kind ~= "file" then return occupied(key, st, want) end
  local owner, group = look.owner(st, want)
  local found = { content = content_of(host, key, want), mode = st.mode, owner = owner, group = group }
  if want and want.occupied ~= nil then found.occupied = false end
  return found
end

local function new_mode(attrs) return attrs.mode or (taint.is(attrs.content) and "0600" or "0644") end

-- Whether a change brings back a link that the file has replaced.
local function brings_link_back(change)
  return change.to.occupied == "symlink" and (change.kind == "create" or change.differs.target) or false
end

-- Whether it brings back an empty directory that the file has replaced: as it was, by what was found of it.
local function brings_directory_back(change)
  return change.to.occupied == "directory" and (change.kind == "create" or change.differs.occupied) or false
end

-- Shell text that fails unless the content is what was found, where that was looked at.
local function as_found(key, from) return from.content and place.same_content(key, crypto.sha256(from.content)) end

function file.foresee_delete(_, key, change)
  if change.from.occupied == "directory" then look.fail("'%s' is a directory: use absent.directory", key) end
end

local function delete(key, change)
  local from = change.from
  file.foresee_delete(nil, key, change)
  local check = as_found(key, from)
  return { { run = place.remove(key, from.occupied or "file", check), title = "remove " .. key } }
end

function file.steps(key, change)
  local from, to = change.from, change.to
  if change.kind == "delete" then return delete(key, change) end
  if brings_link_back(change) then
    local make = sh('ln -s -- %s "./$n" || exit 1\n', to.target)
    local how = { replaces = from and (from.occupied or "file") }
    return { { run = place.make(key, make, how), title = "link " .. key } }
  end
  if brings_directory_back(change) then
    local how = { owner = to.owner, group = to.group, mode = to.mode, replaces = from and (from.occupied or "file") }
    how.clear = true
    return { { run = place.make(key, 'mkdir -- "./$n" || exit 1\n', how), title = "make " .. key } }
  end
  if to.occupied and not (from and from.occupied) then
    look.fail("'%s' was %s before, which a file resource cannot bring back", key, to.occupied)
  end
  local how = { owner = to.owner, group = to.group, mode = to.mode, validate = to.validate }
  if from and not from.occupied and not change.differs.content then
    return { { run = place.regive(key, how, as_found(key, from)), title = "owner and mode of " .. key } }
  end
  how.mode = new_mode(to)
  how.replaces = from and (from.occupied or "file")
  return { { run = place.write(key, how), stdin = to.content or "", title = "write " .. key } }
end

function file.effects(key, change, model)
  local to = change.to
  if not to then
    for _, kind in ipairs { "stat", "sha256", "content" } do model:set(kind, { key }, nil) end
    return
  end
  if brings_link_back(change) then
    model:set("stat", { key }, look.predicted("symlink", { to = to.target }, "0777"))
    return
  end
  if brings_directory_back(change) then
    model:set("stat", { key }, look.predicted("directory", to))
    model:set("list", { key }, {})
    return
  end
  model:set("stat", { key }, look.predicted("file", to, new_mode(to)))
  local content = to.content or (change.kind == "create" and "" or nil)
  if content then
    model:set("content", { key }, content)
    model:set("sha256", { key }, crypto.sha256(content))
  end
end

-- What was in its place comes back where enough is known of it.
local function way_back(host, key, change, _, model)
  local to, why = change.to, directory_back.in_the_way(host, key, change, model)
  if why then return { impossible = why } end
  local comes_back = to and to.occupied and (change.kind == "create" or change.differs.occupied)
  local is_directory = comes_back and brings_directory_back(change) and change.resource.attrs.mode
  if not comes_back or is_directory or brings_link_back(change) then return nil end
  return { barrier = ("the %s that it replaced was not kept"):format(look.NOUNS[to.occupied]), stays = "it stays" }
end

file.rollback = { look = way_back }

return file
