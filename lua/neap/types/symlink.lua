--- A symbolic link.
-- It is replaced in one step, so that whoever follows it finds the old target or the new one.
-- @usage symlink "/etc/nginx/sites-enabled/app.conf" { to = "/etc/nginx/sites-available/app.conf" }
-- @usage absent.symlink "/etc/nginx/sites-enabled/default"
local crypto = require "neap.core.crypto"
local directory_back = require "neap.directory_back"
local look = require "neap.look"
local place = require "neap.place"
local sh = require "neap.sh"
local vital = require "neap.vital"

local symlink = {
  name = "symlink", key = "path", atomic = true, leads = true,
  attributes = {
    to = { type = "string", required = true, doc = "Where it points, as written into the link; need not exist." },
    owner = { type = "string", doc = "Name or number of the user that owns the link itself." },
    group = { type = "string", doc = "Name or number of its group." },
    force = { type = "boolean", option = true, doc = "Replace a file or an empty directory that stands in its place." },
    content = { type = "string", blob = true, readonly = true, doc = "What was in a file that it replaced." },
    mode = { type = "mode", readonly = true, doc = "The permissions of that file." },
    occupied = { type = "string", or_false = true, readonly = true,
      doc = "What was found in its place, when that is no link." },
  },
}

symlink.check_key = vital.check_path

function symlink.check(_, attrs)
  if attrs.to == "" or attrs.to and attrs.to:find("%c") then error("a link's target is a path", 0) end
  return attrs
end

function symlink.depends(key, attrs)
  local ids = look.depends(key, attrs)
  if attrs.to then
    ids[#ids + 1] = "file:" .. attrs.to
    ids[#ids + 1] = "directory:" .. attrs.to
  end
  return ids
end

symlink.foresee = directory_back.foresee_replacing

function symlink.probe(host, key, want)
  local st = host:stat(key)
  if not st then
    if want then look.parent(host, key) end
    return nil
  end
  if st.kind ~= "symlink" then
    local found = look.occupied(key, st, "symlink", want)
    if st.kind == "file" and want then
      found.content, found.mode, found.owner, found.group = host:content(key), st.mode, st.owner, st.group
    end
    return found
  end
  local owner, group = look.owner(st, want)
  return { to = st.target, owner = owner, group = group }
end

-- Whether a change brings back what a link has replaced.
local function brings_back(change)
  local from, to, differs = change.from, change.to, change.differs
  local over_another = from and from.occupied and not differs.to
  return to.occupied and (change.kind == "create" and not to.to or differs.occupied or over_another) or false
end

function symlink.foresee_delete(_, key, change)
  local other = change.from.occupied
  if other then
    look.fail("'%s' is no symbolic link: use absent.%s", key, other == "directory" and "directory" or "file")
  end
end

local function delete(key, change)
  local from = change.from
  symlink.foresee_delete(nil, key, change)
  local check = sh('[ "$(readlink -- "./$n"; echo .)" = %s ] || fail %s 75\n', from.to .. "\n.",
    ("'%s' does not point where the plan saw: plan again"):format(key))
  return { { run = place.remove(key, "symlink", check), title = "remove " .. key } }
end

function symlink.steps(key, change)
  local from, to = change.from, change.to
  if change.kind == "delete" then return delete(key, change) end
  if brings_back(change) and to.content then
    local how = { owner = to.owner, group = to.group, mode = to.mode, replaces = from and (from.occupied or "symlink") }
    return { { run = place.write(key, how), stdin = to.content, title = "write " .. key } }
  end
  if not to.to then look.fail("'%s' was %s before, which a symlink resource cannot bring back", key, to.occupied) end
  local make = sh('ln -s -- %s "./$n" || exit 1\n', to.to)
  local how = { owner = to.owner, group = to.group, replaces = from and (from.occupied or "symlink") }
  return { { run = place.make(key, make, how), title = "link " .. key .. " to " .. to.to } }
end

function symlink.effects(key, change, model)
  local to, from = change.to, change.from
  local leads_elsewhere = to and (not from or from.occupied or change.differs.to)
  if leads_elsewhere then model:clear_paths({ key }, ("it lies behind symlink:%s"):format(key)) end
  local kind = to and brings_back(change) and "file" or "symlink"
  model:set("stat", { key }, to and look.predicted(kind, to, kind == "file" and to.mode or "0777") or nil)
  if kind == "file" and to.content then
    model:set("content", { key }, to.content)
    model:set("sha256", { key }, crypto.sha256(to.content))
  end
end

local function way_back(host, key, change, _, model)
  local to, why = change.to, directory_back.in_the_way(host, key, change, model)
  if why then return { impossible = why } end
  if not to or not brings_back(change) or to.content then return nil end
  return { barrier = ("the %s that it replaced was not kept"):format(look.NOUNS[to.occupied]), stays = "it stays" }
end

symlink.rollback = { look = way_back }

return symlink
