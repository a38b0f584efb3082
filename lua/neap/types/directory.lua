--- A directory.
-- What is not said stays as it is; a new one is `root`'s and has the mode 0755. The directories above it must be
-- there or be declared. With `purge`, whatever stands in it that no resource of the playbook names is taken away.
-- @usage directory "/srv/app" { owner = "app", group = "app", mode = "0750" }
-- @usage directory "/etc/nginx/conf.d" { purge = true }
-- @usage absent.directory "/srv/old" { force = true }
local look = require "neap.look"
local place = require "neap.place"
local sh = require "neap.sh"

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
    surplus = { type = "list", readonly = true, doc = "What `purge` found and takes away." },
    occupied = { type = "string", readonly = true, doc = "What was found in its place, when that is no directory." },
    target = { type = "string", readonly = true, doc = "Where a link that was found in its place points." },
  },
}

directory.check_key = place.check

function directory.check(_, attrs)
  attrs.mode = look.mode(attrs.mode)
  look.unless_occupied(attrs)
  if attrs.purge then attrs.surplus = {} end
  return attrs
end

function directory.depends(key, attrs) return look.depends(key, attrs) end

--- Fills in what a purge keeps: the names right below `key` that lead to a declared path.
-- @param paths what all resources of the host keep
function directory.adopt(key, attrs, paths)
  local head, seen = key .. "/", {}
  attrs.keep = {}
  for _, path in ipairs(paths) do
    local name = path:sub(1, #head) == head and path:match("^[^/]+", #head + 1)
    if name and not seen[name] then
      seen[name] = true
      table.insert(attrs.keep, name)
    end
  end
  table.sort(attrs.keep)
end

local function surplus_of(host, key, want)
  if not want or not want.purge then return want and want.surplus end
  if not want.keep then look.fail("'%s' cannot be purged: it is not known what the playbook declares in it", key) end
  local kept, surplus = {}, {}
  for _, name in ipairs(want.keep) do kept[name] = true end
  for _, name in ipairs(host:list(key) or {}) do
    if not kept[name] then surplus[#surplus + 1] = name end
  end
  return surplus
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
  return {
    mode = st.mode, owner = owner, group = group, surplus = surplus_of(host, key, want),
    force = attrs and attrs.force, occupied = want and want.occupied,
  }
end

local function create(key, from, to)
  local how = { owner = to.owner, group = to.group, mode = to.mode or "0755", clear = true }
  how.replaces = from and from.occupied
  return { run = place.make(key, 'mkdir -- "./$n" || exit 1\n', how), title = "make " .. key }
end

local function purge(key, names)
  local lines = { place.at(key .. "/.") }
  for _, name in ipairs(names) do lines[#lines + 1] = sh("rm -rf -- %s || exit 1\n", "./" .. name) end
  return { run = table.concat(lines), title = ("take %d things out of %s"):format(#names, key) }
end

local function delete(key, from, force)
  if from.occupied then look.fail("'%s' is no directory: use absent.%s", key, from.occupied) end
  return { run = place.remove(key, "directory", nil, force), title = "remove " .. key }
end

function directory.steps(key, change)
  local from, to, differs = change.from, change.to, change.differs
  if change.kind == "delete" then return { delete(key, from, from.force) } end
  if to.occupied and not from.occupied then
    look.fail("'%s' was %s before, which a directory resource cannot bring back", key, to.occupied)
  end
  if not from or from.occupied then return { create(key, from, to) } end
  local steps = {}
  if differs.mode or differs.owner or differs.group then
    local give = place.at(key .. "/.") .. place.give(to.owner, to.group, to.mode)
    steps[1] = { run = give, title = "owner and mode of " .. key }
  end
  if differs.surplus then steps[#steps + 1] = purge(key, from.surplus) end
  return steps
end

function directory.effects(key, change, model)
  local to = change.to
  model:set("stat", { key }, to and look.predicted("directory", to, "0755") or nil)
  if change.kind == "create" then model:set("list", { key }, {}) end
  if not to then model:set("list", { key }, nil) end
end

-- Names in it that will still be there when the plan gets here.
local function left_in(host, key, model)
  local left = {}
  for _, name in ipairs(host:list(key) or {}) do
    local edit = model:edit("stat", key .. "/" .. name)
    if not (edit and not edit.answer) then left[#left + 1] = name end
  end
  return left
end

local function named(names)
  return table.concat(names, ", ", 1, math.min(3, #names)) .. (#names > 3 and (" and %d more"):format(#names - 3) or "")
end

--- What others have put into a directory is theirs; what was taken out of it is gone.
local function way_back(host, key, change, _, model)
  if change.kind == "delete" then
    local left = left_in(host, key, model)
    change.resource.attrs.force, change.from.force = nil, nil
    return #left > 0 and { stays = "it holds what Neap has not put there: " .. named(left) } or nil
  end
  local lost = change.to.surplus or {}
  if #lost > 0 and change.kind == "update" and change.differs.surplus then
    local instead = {}
    for name, value in pairs(change.resource.attrs) do instead[name] = value end
    instead.surplus = nil
    return { instead = instead, barrier = "what was purged was not kept: " .. named(lost) }
  end
  local before = change.resource.before
  if change.to.occupied then return { barrier = "what it replaced was not kept", stays = "it stays" } end
  if change.kind == "create" and before and not before.state and before.options.force then
    return { barrier = "it was removed with what was in it, which was not kept: it comes back empty" }
  end
end

directory.rollback = { look = way_back }

return directory
