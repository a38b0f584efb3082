--- Releases of an application: each in a directory of its own, and a link `current` to one of them.
--
--     /srv/app/current ─▶ releases/2.1
--     /srv/app/releases/2.0   releases/2.1
--
-- A release is unpacked beside the others and never changed again; the link is switched in one step when all of it is
-- there. It comes from files of the project (`files`, or an archive), or from a git repository that the host can reach
-- (with git on the host). A rollback switches to a release that is still there, and makes one of files again that is
-- not. What `absent.release` takes away, and what others have deployed once it is too old to be kept there, is moved to
-- /var/lib/neap/kept on the host, where a rollback finds it. One in which something is mounted stays.
-- @usage release "/srv/app" { files = { ["wsgi.py"] = read_file "app/wsgi.py" }, owner = "root" }
-- @usage release "/srv/app" { id = "2.1", archive = "dist/app-2.1.tar.gz", strip = 1, keep = 5 }
-- @usage release "/srv/app" { id = "v2.1", repository = "https://git.example.org/app.git" }
local crypto = require "neap.core.crypto"
local kept = require "neap.kept"
local look = require "neap.look"
local made_above = require "neap.made_above"
local mounts = require "neap.mounts"
local place = require "neap.place"
local sh = require "neap.sh"
local shape = require "neap.engine.shape"
local taint = require "neap.core.taint"
local tar = require "neap.tar"

local RECORDED = 256 * 1024 -- bytes of files that the state repository takes, so that a way back can make them again

local function is_recorded(files)
  local bytes = 0
  for _, content in pairs(files) do
    if type(content) ~= "string" or not utf8.len(content) then return false end
    bytes = bytes + #content
  end
  return bytes <= RECORDED
end

local function is_kept(files) return shape.fits(files, { "map", "string" }) end

local release = {
  name = "release", key = "directory",
  attributes = {
    id = { type = "string", always = true, doc = "Name of the release; made of its content when not said." },
    files = { type = "map", option = true, describes = "id", recorded = is_recorded, kept = is_kept,
      doc = "Its files: contents by relative name. Up to 256 KiB of text are recorded, for a way back." },
    executable = { type = "list", option = true, describes = "id", doc = "Which of the files are programs." },
    archive = { type = "string", option = true, reads = "data",
      doc = "A tar archive of the project, plain or compressed." },
    data = { type = "string", bytes = true, option = true, describes = "id", recorded = false,
      doc = "The bytes of the archive." },
    strip = { type = "integer", option = true, default = 0,
      doc = "How many leading directories of the archive to drop." },
    repository = { type = "string", option = true, describes = "id",
      doc = "Address of a git repository; `id` is the tag or commit." },
    owner = { type = "string", option = true, default = "root", doc = "Who the files belong to." },
    group = { type = "string", option = true, default = "root", doc = "Their group." },
    keep = { type = "integer", option = true, default = 3, doc = "How many releases stay on the host." },
    restore = { type = "boolean", option = true, recorded = false, readonly = true,
      doc = "Bring it back from where it was kept; a rollback says so." },
  },
}

local function packed(attrs)
  local programs = {}
  for _, name in ipairs(attrs.executable or {}) do programs[name] = true end
  return tar.pack(attrs.files, programs)
end

local function check_files(attrs)
  for name, content in pairs(attrs.files) do
    if name == "" or name:find("^/") or name:find("%c") or ("/" .. name .. "/"):find("/%.%.?/") or name:find("//") then
      error(("'%s' is no relative name of a file"):format(name), 0)
    end
    if taint.is(content) then error(("'%s' holds a secret: give it a file resource of its own"):format(name), 0) end
    if type(content) ~= "string" then error(("the content of '%s' is no string"):format(name), 0) end
  end
  for _, name in ipairs(attrs.executable or {}) do
    if not attrs.files[name] then error(("'%s' is executable but not among the files"):format(name), 0) end
  end
  attrs.data = packed(attrs)
end

release.check_key = place.check

function release.check(_, attrs)
  local sources = (attrs.files and 1 or 0) + (attrs.repository and 1 or 0) + (attrs.archive and 1 or 0)
  if sources > 1 then error("a release comes from files, an archive or a repository, not from several", 0) end
  if attrs.files then check_files(attrs) end
  if not attrs.data and not attrs.repository and not attrs.id then
    error("say where it comes from: files, archive or repository", 0)
  end
  if attrs.repository and not attrs.id then error("id must name a tag or a commit of the repository", 0) end
  if attrs.repository and attrs.repository:find("^%-") then error("no address of a repository", 0) end
  attrs.id = attrs.id or crypto.sha256(attrs.data):sub(1, 12)
  if not attrs.id:find("^[%w_][%w_.+-]*$") then error(("'%s' is no name of a release"):format(attrs.id), 0) end
  if attrs.keep and attrs.keep < 1 then error("at least one release must be kept", 0) end
  return attrs
end

function release.depends(key, attrs)
  local ids = look.depends(key, { owner = attrs.owner, group = attrs.group })
  ids[#ids + 1] = "directory:" .. key
  return ids
end

release.foresee = look.foresee

--- The directory itself may be a resource of its own.
function release.paths(key) return { key .. "/current", key .. "/releases" } end

function release.probe(host, key)
  local st = host:stat(key .. "/current")
  if not st then return nil, made_above.around(host, key) end
  if st.kind ~= "symlink" then look.fail("'%s/current' is no symbolic link", key) end
  return { id = st.target:match("([^/]+)/?$") or st.target }
end

-- Opens the directory of the releases. The application may own the one above and move about what is in it, so this
-- one is entered once, must be our own and no link, and from then on no path is looked up again.
local OPEN = [[
umask 022
base=%s
[ -d "$base" ] || mkdir -p -- "$base" || exit 1
enter "$base"
[ -d ./releases ] || mkdir ./releases || exit 1
foreign() { fail "'$base/releases' is a link or another user's, or others may write there: take it away"; }
[ ! -h ./releases ] && cd -P ./releases && stands "$top/releases" && [ -O . ] || foreign
case $(stat -c %%a,%%g .) in *[2367],* | *[2367]?,[1-9]*) foreign ;; esac
]]

local HEAD = [[
id=%s
[ ! -d "$id" ] || { touch "$id"; exit 0; }
rm -rf .new && mkdir .new || exit 1
]]

local UNPACK = [[
cat >.archive || exit 1
tar -xf .archive -C .new --no-same-owner%s 2>.said || fail "cannot unpack release '$id': $(tail -n 3 .said)"
rm -f .archive .said
]]

local CHECKOUT = [[
command -v git >/dev/null || fail "no git on this host: declare package \"git\" before the release"
url=%s
[ -d .repository ] || git init -q --bare .repository || exit 1
if git -C .repository fetch -q --depth 1 -- "$url" "$id" 2>.said; then commit=FETCH_HEAD
else # servers do not give out a commit that no branch or tag names
  git -C .repository fetch -q -- "$url" '+refs/heads/*:refs/heads/*' '+refs/tags/*:refs/tags/*' 2>.said ||
    fail "cannot fetch '$url': $(tail -n 3 .said)"
  commit=$(git -C .repository rev-parse -q --verify "$id^{commit}") || fail "there is no '$id' in '$url'"
fi
git -C .repository archive "$commit" | tar -xf - -C .new --no-same-owner || fail "cannot unpack '$id' of '$url'"
rm -f .said
]]

-- The names of those that Neap has made stand in .made.
local FINISH = [[
chown -R %s .new || exit 1
printf '%%s\n' "$id" >>.made || exit 1
mv .new "$id"
]]

local AWAY = [[
is_ours() { grep -qxF -e "$1" .made 2>/dev/null; }
store=%s
need_store() { [ -d "$store" ] || ( umask 077; mkdir -p -- "$store" ) || exit 1; }
away() { # NAME
  need_store
  unmounted "$(cd -P -- "$store" && pwd -P)" "$1"
  rm -rf -- "$store/$1" && mv -- "./$1" "$store/" || exit 1
}
]]

local PRUNE = [[
now=%s
ls -1t | tail -n +%d | while IFS= read -r old; do
  if [ "$old" = "$now" ]; then continue; fi
  m=$(mounted "$top/releases" "$old") || exit 1
  if [ -n "$m" ]; then continue; fi # it goes when that is unmounted
  if is_ours "$old"; then rm -rf "./$old"; else away "$old"; fi
done
]]

-- What Neap has made goes where it was not there before.
local LEAVE = [[
now=%s
for old in *; do
  if [ "$old" != "$now" ] && is_ours "$old"; then unmounted "$top/releases" "$old"; rm -rf "./$old"; fi
done
rm -rf .made .repository
]]

local REMOVE = [[
if [ -d ./releases ] && [ ! -h ./releases ]; then
  (
    cd ./releases || exit 1
    for old in *; do if [ -d "$old" ]; then away "$old"; fi; done
    [ ! -f .made ] || { need_store; cat .made >>"$store/.made"; }
  ) || exit 1
fi
rm -rf ./current ./releases
]]

-- What was kept of them when they were taken away.
local RESTORE = [[
store=%s
for old in "$store"/*; do
  [ ! -d "$old" ] || [ -e "./${old##*/}" ] || mv -- "$old" . || exit 1
done
[ ! -f "$store/.made" ] || cat "$store/.made" >>.made || exit 1
[ -d %s ] || fail "release '"%s"' is no longer where it was kept"
]]

local function open(key) return place.FUNCTIONS .. sh(OPEN, key) end

-- Where the releases of a directory are kept that were taken away.
local function kept_in(key) return kept.place(key) .. "/releases" end

local function unpack_step(key, to)
  local id = to.id
  if to.restore then
    return { run = open(key) .. sh(RESTORE, kept_in(key), id, id), title = ("bring back release %s"):format(id) }
  end
  local text = open(key) .. sh(HEAD, id)
  local data = to.data or to.files and packed(to)
  if to.repository then
    text = text .. sh(CHECKOUT, to.repository)
  elseif data then
    text = text .. UNPACK:format((to.strip or 0) > 0 and " --strip-components=" .. to.strip or "")
  else
    text = text .. "fail \"release '$id' is no longer on this host: apply the playbook that made it\"\n"
  end
  text = text .. sh(FINISH, (to.owner or "root") .. ":" .. (to.group or "root"))
  return { run = text, stdin = not to.repository and data or nil, title = ("unpack release %s"):format(id) }
end

-- What was not there before Neap is not kept, and goes with the directories that were made for it.
local function delete(key, change)
  local goes = change.resource and change.resource.leaves
  local remove = goes and "rm -rf ./current ./releases\n" or sh(AWAY, kept_in(key)) .. REMOVE
  local check = mounts.FUNCTIONS .. 'unmounted "$top" releases\n'
  if goes then remove = remove .. made_above.remove(change.resource.made_above or {}) end
  return { run = place.at(key .. "/.") .. check .. remove, title = "remove the releases of " .. key }
end

-- What becomes of the others when one is switched to.
local function tidy(key, change)
  local to = change.to
  local others = change.resource and change.resource.leaves and sh(LEAVE, to.id) or sh(PRUNE, to.id, (to.keep or 3) + 1)
  return { run = open(key) .. mounts.FUNCTIONS .. sh(AWAY, kept_in(key)) .. others, title = "keep the newest releases" }
end

function release.steps(key, change)
  local link = key .. "/current"
  if change.kind == "delete" then return { delete(key, change) } end
  local to = change.to
  local make = sh('ln -s -- %s "./$n" || exit 1\n', "releases/" .. to.id)
  return {
    unpack_step(key, to),
    { run = place.make(link, make, { replaces = change.from and "symlink" }), title = "switch to release " .. to.id },
    tidy(key, change),
  }
end

function release.effects(key, change, model)
  local to = change.to
  if not to then
    local paths = release.paths(key)
    local above = change.resource and change.resource.made_above or {}
    return model:clear_paths(table.move(above, 1, #above, #paths + 1, paths))
  end
  local directory = look.predicted("directory", {}, "0755")
  model:set("stat", { key .. "/current" }, look.predicted("symlink", { to = "releases/" .. to.id }, "0777"))
  model:set("stat", { key .. "/releases" }, directory)
  if not model:edit("stat", key) then model:set("stat", { key }, directory) end
  model:set("stat", { key .. "/releases/" .. to.id }, directory)
  model:clear_paths(change.resource and change.resource.going or {})
end

-- Where those are that Neap has made and that go with it.
local function made(host, key, to)
  local paths = {}
  for name in (host:content(key .. "/releases/.made") or ""):gmatch("[^\n]+") do
    paths[#paths + 1] = name ~= to.id and key .. "/releases/" .. name or nil
  end
  return paths
end

--- Nothing goes with something mounted in it.
function release.foresee_delete(host, key, _, model)
  local at = not model.sweeps and mounts.on(host, key, { "releases" })
  if at then look.fail("%s", mounts.refusal(at)) end
end

-- Where something is mounted in what a way back takes away, or nil.
local function obstacle(host, key, change)
  if not change.to then return mounts.on(host, key, { "releases" }) end
  local names = {}
  for i, path in ipairs(change.resource.going or {}) do names[i] = path:match("[^/]+$") end
  return names[1] and mounts.on(host, key .. "/releases", names) or nil
end

--- A release is switched to where it is still there, or was kept, or can be had again.
local function way_back(host, key, change, back, model)
  local resource, to = change.resource, change.to
  resource.going = to and resource.leaves and made(host, key, to) or nil
  local at = obstacle(host, key, change)
  if at then return { impossible = mounts.refusal(at) } end
  if not to then resource.made_above = made_above.going(host, key, resource, release.paths(key), back, model) end
  if not to or to.repository or to.files then return nil end
  if host:stat(("%s/releases/%s"):format(key, to.id)) then return nil end
  if host:stat(kept_in(key) .. "/" .. to.id) then
    resource.attrs.restore = true
    return { instead = resource.attrs }
  end
  local there = table.concat(host:list(key .. "/releases") or {}, ", ")
  return {
    archive = ("release '%s' is no longer on the host (there: %s): apply the playbook that made it")
      :format(to.id, there ~= "" and there or "none"),
  }
end

--- Where the one that was there before Neap came from, and whose it is, nobody knows.
local function wanted(_, attrs, genesis)
  return genesis and { id = attrs.id } or attrs
end

release.rollback = { look = way_back, wanted = wanted }

return release
