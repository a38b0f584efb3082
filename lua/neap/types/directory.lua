--- A directory.
-- What is not said stays as it is; a new one is `root`'s and has the mode 0755. The directories above it must be
-- there or be declared. With `purge`, whatever stands in it that no resource of the playbook names is taken away. What
-- is taken away so, or by `force`, is moved to /var/lib/neap/kept on the host, where a rollback finds it. Nothing is
-- taken away on which, or below which, something is mounted.
-- The system's own directories are never taken away, purged or replaced, whatever a playbook says: /bin, /boot, /dev,
-- /etc, /home, /lib, /lib32, /lib64, /libx32, /proc, /root, /run, /sbin, /sys, /tmp, /usr, /usr/bin, /usr/lib,
-- /usr/sbin, /usr/share, /var, /var/lib, /var/lib/dpkg, /var/lib/neap.
-- @usage directory "/srv/app" { owner = "app", group = "app", mode = "0750" }
-- @usage directory "/etc/nginx/conf.d" { purge = true }
-- @usage absent.directory "/srv/old" { force = true }
local directory_back = require "neap.directory_back"
local kept = require "neap.kept"
local look = require "neap.look"
local mounts = require "neap.mounts"
local place = require "neap.place"
local sh = require "neap.sh"
local vital = require "neap.vital"

local directory = {
  name = "directory", key = "path",
  attributes = {
    mode = { type = "mode", doc = "Permissions in octal, such as \"0750\"." },
    owner = { type = "string", doc = "Name or number of the user that owns it." },
    group = { type = "string", doc = "Name or number of its group." },
    purge = { type = "boolean", option = true,
      doc = "Take away what stands in it and is named by no resource; whole directories too." },
    force = { type = "boolean", option = true,
      doc = "Replace a file or link that stands in its place; when it is to be absent, also with what is in it." },
    keep = { type = "list", option = true, recorded = false, readonly = true,
      doc = "What `purge` keeps; the engine fills it in." },
    within = { type = "list", option = true, recorded = false, readonly = true,
      doc = "What of that has no resource of its own, only something in it; the engine fills it in." },
    restore = { type = "boolean", option = true, recorded = false, readonly = true,
      doc = "Bring it back with what was in it, or what it has replaced; a rollback says so." },
    surplus = { type = "list", readonly = true, doc = "What `purge` found and takes away." },
    spared = { type = "list", readonly = true,
      doc = "What `purge` found and leaves, since something in it is named; a later one may take it away." },
    occupied = { type = "string", or_false = true, readonly = true,
      doc = "What was found in its place, when that is no directory." },
    target = { type = "string", readonly = true, doc = "Where a link that was found in its place points." },
  },
}

directory.check_key = vital.check_path

function directory.check(key, attrs)
  vital.check_options(key, attrs, { "purge", "force" })
  attrs.mode = look.mode(attrs.mode)
  look.unless_occupied(attrs)
  if attrs.purge then attrs.surplus = {} end
  return attrs
end

function directory.depends(key, attrs) return look.depends(key, attrs) end

--- Fills in what a purge keeps: the names right below `key` that lead to a declared path.
-- @param paths what all resources of the host keep
-- @param away of a recorded state, the paths of what is to be away by it, or nil: of what they lie in only what was
--   spared then is kept, since a playbook that named them no more has taken it out
function directory.adopt(key, attrs, paths, away)
  local head, seen, own, spared = key .. "/", {}, {}, {}
  attrs.keep, attrs.within = {}, {}
  for _, name in ipairs(attrs.spared or {}) do spared[name] = true end
  local function keep(path, is_away)
    local name = path:sub(1, #head) == head and path:match("^[^/]+", #head + 1)
    local is_own = name and #path == #head + #name
    if not name or is_away and not is_own and not spared[name] then return end
    own[name] = own[name] or is_own
    if seen[name] then return end
    seen[name] = true
    table.insert(attrs.keep, name)
  end
  for _, path in ipairs(paths) do keep(path) end
  for _, path in ipairs(away or {}) do keep(path, true) end
  table.sort(attrs.keep)
  for _, name in ipairs(attrs.keep) do attrs.within[#attrs.within + 1] = not own[name] and name or nil end
end

local function paths_in(key, names)
  local paths = {}
  for i, name in ipairs(names) do paths[i] = key .. "/" .. name end
  return paths
end

--- What may come back with it as it was kept, and is then another's business: all of it where it was taken whole.
function directory.returning(key, attrs, before)
  return directory_back.was_taken(before) and { key } or paths_in(key, attrs.spared or {})
end

-- Of what was found once, and is wanted again, what is there.
local function there_of(host, key, names)
  local there, found = {}, {}
  for _, name in ipairs(#names > 0 and host:list(key) or {}) do there[name] = true end
  for _, name in ipairs(names) do
    if there[name] then found[#found + 1] = name end
  end
  return found
end

local function surplus_of(host, key, want)
  if not want or not want.purge then return want and want.surplus and there_of(host, key, want.surplus) end
  if not want.keep then look.fail("'%s' cannot be purged: it is not known what the playbook declares in it", key) end
  local declared, surplus = {}, {}
  for _, name in ipairs(want.keep) do declared[name] = true end
  for _, name in ipairs(host:list(key) or {}) do
    if not declared[name] then surplus[#surplus + 1] = name end
  end
  return surplus
end

local function spared_of(host, key, want)
  local names = want and (want.spared or want.purge and want.within)
  local there = names and there_of(host, key, names)
  return there and (want.spared or there[1]) and there or nil
end

-- Raises where something is mounted on what is taken away, unless a command before it may unmount that.
local function foresee_mounts(host, key, change, model)
  local at = not model.sweeps and directory_back.obstacle(host, key, change)
  if not at then return end
  local remedy = change.to and place.lies_in(at, key) and (", or declare directory \"%s\" to keep it"):format(at) or ""
  look.fail("%s%s", mounts.refusal(at), remedy)
end

function directory.foresee(host, key, change, model)
  look.foresee(host, key, change)
  foresee_mounts(host, key, change, model)
end

function directory.probe(host, key, want, attrs)
  if want and want.purge then host:expect("list", key) end
  local st = host:stat(key)
  if not st then
    if want then look.parent(host, key) end
    return nil
  end
  if st.kind ~= "directory" then return look.occupied(key, st, "directory", want) end
  local owner, group = look.owner(st, want)
  local goes_whole = not want and attrs and attrs.force
  local found = {
    mode = st.mode, owner = owner, group = group,
    surplus = goes_whole and host:list(key) or surplus_of(host, key, want) or nil,
    spared = spared_of(host, key, want),
    force = attrs and attrs.force,
  }
  if want and want.occupied ~= nil then found.occupied = false end
  return found
end

local function check_kind(key, from)
  if from.occupied then look.fail("'%s' is no directory: use absent.%s", key, from.occupied) end
end

--- What is in it would have to go first.
function directory.foresee_delete(host, key, change, model)
  check_kind(key, change.from)
  foresee_mounts(host, key, change, model)
  local left = (change.from.force or model.sweeps) and {} or directory_back.left_in(host, key, model)
  if left[1] then
    look.fail("'%s' is not empty (%s): say force = true, or absent.file, absent.directory… for what is in it", key,
      directory_back.named(left))
  end
end

-- What it replaces is kept; but not where what was kept of it comes back, which has that name.
local function create(key, from, to, comes_back)
  local dir, name = place.split(key)
  local how = { owner = to.owner, group = to.group, mode = to.mode or "0755", clear = comes_back }
  how.replaces = from and from.occupied
  how.aside = how.replaces and not comes_back and kept.take(dir, { name })
  if to.restore then
    local clear = how.replaces and 'rm -f -- "./$n" || exit 1\n' or ""
    local back = kept.bring_back(dir, { name }, place.give(to.owner, to.group, to.mode))
    return { run = place.at(key) .. place.expect(key, how.replaces) .. clear .. back, title = "bring back " .. key }
  end
  return { run = place.make(key, 'mkdir -- "./$n" || exit 1\n', how), title = "make " .. key }
end

local function purge(key, names)
  local run = place.at(key .. "/.") .. kept.take(key, names)
  return { run = run, title = ("take %d things out of %s"):format(#names, key) }
end

local function restore(key, names)
  local run = place.at(key .. "/.") .. kept.bring_back(key, names)
  return { run = run, title = ("bring %d things back into %s"):format(#names, key) }
end

local function delete(key, from, force)
  check_kind(key, from)
  -- where nothing is in it, what is kept of one that was there before stays kept
  local is_empty = from.surplus and not from.surplus[1]
  if not force or is_empty then return { run = place.remove(key, "directory"), title = "remove " .. key } end
  local dir, name = place.split(key)
  local run = sh("[ -d %s ] || exit 0\n", key) .. place.at(key) .. place.expect(key, "directory") ..
    kept.take(dir, { name })
  return { run = run, title = "remove " .. key .. " with what is in it" }
end

function directory.steps(key, change)
  local from, to, differs = change.from, change.to, change.differs
  if change.kind == "delete" then return { delete(key, from, from.force) } end
  if to.occupied and to.restore then
    local run = kept.fetch(key, to.occupied, from and (from.occupied or "directory"))
    return { { run = run, title = "bring back what was at " .. key } }
  end
  if to.occupied then
    look.fail("'%s' was %s before, which a directory resource cannot bring back", key, to.occupied)
  end
  local steps, names = {}, directory_back.missing(from, to)
  local back = #names > 0 and restore(key, names) or nil
  if not from or from.occupied then return { create(key, from, to, back ~= nil), back } end
  if differs.mode or differs.owner or differs.group then
    local give = place.at(key .. "/.") .. place.give(to.owner, to.group, to.mode)
    steps[1] = { run = give, title = "owner and mode of " .. key }
  end
  if differs.surplus and to.purge then steps[#steps + 1] = purge(key, from.surplus) end
  steps[#steps + 1] = back
  return steps
end

-- What comes back is not known in detail; what is taken out is gone.
local function surplus_effects(key, change, model)
  local from, to = change.from or {}, change.to
  local why = ("it comes back with directory:%s"):format(key)
  if to.restore then model:clear_paths({ key }, why) end
  local back = paths_in(key, directory_back.missing(from, to))
  model:clear_paths(back, why)
  model:list_paths(back, true)
  local away = paths_in(key, to.purge and change.differs.surplus and from.surplus or {})
  model:clear_paths(away)
  model:list_paths(away, false)
end

function directory.effects(key, change, model)
  local to = change.to
  if not to or to.occupied or change.from and change.from.occupied then model:clear_paths { key } end
  if not to then return end
  if to.occupied then return model:forget("stat", { key }, ("it comes back with directory:%s"):format(key)) end
  if change.kind == "create" or change.from.occupied then model:set("list", { key }, {}) end
  surplus_effects(key, change, model)
  model:set("stat", { key }, look.predicted("directory", to, "0755"))
end

directory.rollback = { look = directory_back.look, wanted = directory_back.wanted }

return directory
