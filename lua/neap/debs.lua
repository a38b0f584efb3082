--- What packages will bring, from their control archives: paths, units, users.
-- The control archive of a package names its files (conffiles, md5sums) and holds its set-up scripts, of which the
-- few forms that Debian's helpers write are read here: deb-systemd-helper, ln, mkdir, touch, chown, chmod, adduser.
-- Only what other resources asked about is predicted; where it cannot be known, the prediction says so and why.
local crypto = require "neap.core.crypto"

local debs = {}

-- Words of a shell command, variables put in where their values are known.
local function expand(text, vars)
  return (text:gsub("%$(%b{})", function(name) return vars[name:sub(2, -2)] end)
    :gsub("%$([%a_][%w_]*)", function(name) return vars[name] end))
end

local function words_of(command, vars)
  local words, at = {}, 1
  while true do
    at = command:find("%S", at)
    if not at then return words end
    local quote = command:sub(at, at)
    local word, stop
    if quote == "'" or quote == '"' then
      word, stop = command:match("^" .. quote .. "([^" .. quote .. "]*)" .. quote .. "()", at)
    else
      word, stop = command:match("^([^%s;'\"]+)()", at)
    end
    if not word then return words end
    words[#words + 1] = quote == "'" and word or expand(word, vars)
    at = stop
  end
end

local function parted(words)
  local plain, options = {}, {}
  for i = 2, #words do
    local word = words[i]
    if word:find("^[<>]") or word:find("^%d?>") or word == "||" or word == "&&" then break end
    if word:find("^%-") then options[#options + 1] = word else plain[#plain + 1] = word end
  end
  return plain, table.concat(options, " ")
end

local command = {}

function command.ln(made, plain, options)
  if options:find("s") and #plain == 2 then
    made[plain[2]] = { kind = "symlink", mode = "0777", owner = "root", group = "root", target = plain[1] }
  end
end

function command.mkdir(made, plain, options)
  for i = options:find("m") and 2 or 1, #plain do
    local mode = options:find("m") and ("%04d"):format(tonumber(plain[1]) or 755) or "0755"
    made[plain[i]] = made[plain[i]] or { kind = "directory", mode = mode, owner = "root", group = "root" }
  end
end

function command.install(made, plain, options)
  local path = plain[#plain]
  if path then made[path] = { kind = options:find("d") and "directory" or "file", unsure = true } end
end

function command.touch(made, plain)
  for _, path in ipairs(plain) do
    made[path] = made[path] or { kind = "file", mode = "0644", owner = "root", group = "root", size = 0 }
  end
end

function command.cp(made, plain)
  local path = plain[#plain]
  if path then made[path] = made[path] or { kind = "file", unsure = true } end
end
command.mv = command.cp

-- Owners and modes given to something that was not seen being made hold for what the archive brings.
function command.chown(made, plain)
  local owner, group = (plain[1] or ""):match("^([^:.]*)[:.]?(.*)$")
  for i = 2, #plain do
    local it = made[plain[i]] or { given = true }
    made[plain[i]] = it
    it.owner = owner ~= "" and owner or it.owner
    it.group = group ~= "" and group or it.group
  end
end

function command.chmod(made, plain)
  local mode = tonumber(plain[1])
  for i = 2, #plain do
    local it = made[plain[i]] or { given = true }
    made[plain[i]] = it
    if mode then it.mode = ("%04d"):format(mode) else it.unsure = true end
  end
end

local function run(line, vars, made)
  local name, value = line:match("^%s*([%a_][%w_]*)=(.*)$")
  if name then
    vars[name] = words_of(value, vars)[1] or ""
    return
  end
  for part in (line .. ";"):gsub("&&", ";"):gsub("||", ";"):gmatch("([^;]*);") do
    local words = words_of(part:gsub("^%s*then%s+", ""):gsub("^%s*else%s+", ""), vars)
    local act = command[words[1] or ""]
    if act then act(made, parted(words)) end
  end
end

-- Users and groups that a line makes.
local function accounts(line, made)
  local tool, rest = line:match("%f[%w](%l+)%f[^%w]%s+(%-.*)$")
  if tool ~= "adduser" and tool ~= "addgroup" and tool ~= "useradd" and tool ~= "groupadd" then return end
  local name
  for word in rest:gsub("[;|&<>].*$", ""):gmatch("%S+") do
    if word:find("^[%l_][%w_-]*$") then name = word end
  end
  if not name then return end
  if tool:find("user") then made.passwd[name] = true end
  made.group[name] = true
end

--- What the set-up scripts of a package do: { paths, passwd, group, enables, again, starts }.
local function setup_of(deb)
  local setup = { paths = {}, passwd = {}, group = {}, enables = {}, again = {}, starts = {} }
  local vars = {}
  for _, line in ipairs(deb.script) do
    local verb, unit = line:match("deb%-systemd%-%l+ .-([%w$_-]+) '?\"?([%w@.:_-]+)")
    -- what is enabled only where the package had been before (nftables) is left alone by its first installation
    if verb == "debian-installed" then setup.again[unit] = true end
    if verb == "enable" and not setup.again[unit] then setup.enables[unit] = true end
    local invoked = line:find("deb%-systemd%-invoke") and (verb == "start" or verb == "$_dh_action")
    if invoked then setup.starts[unit] = true end
    accounts(line, setup)
    run(line, vars, setup.paths)
  end
  return setup
end

local KINDS = { ["-"] = "file", d = "directory", l = "symlink" }

local function octal(perms)
  local bits = { r = 4, w = 2, x = 1, s = 1, t = 1 }
  local mode = perms:sub(4, 4):find("[sS]") and 4 or 0
  if perms:sub(7, 7):find("[sS]") then mode = mode + 2 end
  if perms:sub(10, 10):find("[tT]") then mode = mode + 1 end
  for i = 2, 8, 3 do
    local digit = 0
    for c in perms:sub(i, i + 2):gmatch(".") do digit = digit + (bits[c] or 0) end
    mode = mode * 10 + digit
  end
  return ("%04d"):format(mode)
end

-- A path as the archive has it.
local function packed(deb, path)
  local entry = deb.tree[path]
  if entry then
    local owner, group = entry.owner:match("^([^/]*)/(.*)$")
    return {
      kind = KINDS[entry.perms:sub(1, 1)] or "other", mode = octal(entry.perms), owner = owner, group = group,
      size = entry.size, target = entry.target ~= "" and entry.target or nil,
    }
  end
  if deb.conffiles[path] or deb.files[path] then
    local mode = path:find("/s?bin/[^/]*$") and "0755" or "0644"
    return { kind = "file", mode = mode, owner = "root", group = "root" }
  end
  if deb.dirs[path] then return { kind = "directory", mode = "0755", owner = "root", group = "root" } end
end

local function because(deb) return ("the set-up of package '%s' decides it"):format(deb.name) end

-- @param deb the package, of what is at a path
local function put(edits, kind, args, answer, why, deb)
  edits[#edits + 1] = { kind = kind, args = args, answer = answer, why = why, package = deb and deb.name }
end

local function content_edits(edits, deb, path)
  local content = deb.content[path]
  local why = not content and ("package '%s' brings it"):format(deb.name)
  put(edits, "content", { path }, content, why, deb)
  put(edits, "sha256", { path }, content and crypto.sha256(content), why, deb)
end

-- What becomes of one asked path: nil where the package leaves it alone.
local function path_edits(edits, deb, setup, path, before)
  if deb.old[path] then return end
  local new = packed(deb, path)
  if new and before and (deb.conffiles[path] or before.kind == "directory" and new.kind == "directory") then return end
  local made = setup.paths[path]
  if made and (new or before) then
    if not new or not made.given then made = nil end
  end
  if not new and not made then return end
  local answer = new or {}
  for name, value in pairs(made or {}) do answer[name] = value end
  if not answer.kind then return end
  -- what scripts make at a first installation they may leave alone at a later one
  local unsure = answer.unsure or deb.known and not new
  answer.unsure, answer.given = nil, nil
  put(edits, "stat", { path }, not unsure and answer or nil, unsure and because(deb) or nil, deb)
  if answer.kind == "file" and not unsure then content_edits(edits, deb, path) end
  return true
end

-- What the package says of it: "yes" or "no" (whether it was enabled when the package went), "linked" where a link
-- enables it that is none of the package's, "new" where it had not been there.
local function unit_edit(edits, deb, setup, unit, view)
  local was = deb.units[unit]
  local known = view.answer("unit", unit)
  -- one that has outlived its package has no file any more: "bad" is what systemd says until it has noticed
  if known and known.enabled and known.enabled ~= "bad" then return end
  local base = unit:gsub("%.service$", "")
  local enables = setup.enables[unit] or setup.enables[base]
  if was == "yes" then enables = enables or setup.again[unit] or setup.again[base] end
  local enabled = (was == "linked" or enables and was ~= "no") and "enabled" or "disabled"
  local starts = (setup.starts[unit] or setup.starts[base]) and was ~= "no" and not view.managed(unit)
  put(edits, "unit", { unit }, {
    load = "loaded", active = known and known.active or starts and "active" or "inactive", enabled = enabled,
    reloads = true, stale = false,
  }, nil, deb)
end

local function listing(found, dir, before)
  local names, seen = {}, {}
  local function add(name)
    if not seen[name] then
      seen[name] = true
      names[#names + 1] = name
    end
  end
  for _, name in ipairs(before or {}) do add(name) end
  for _, one in ipairs(found) do
    for _, paths in ipairs { one.deb.tree, one.setup.paths } do
      for path, it in pairs(paths) do
        local parent, name = path:match("^(.*)/([^/]+)$")
        if parent == dir and not it.given and not one.deb.old[path] then add(name) end
      end
    end
  end
  table.sort(names)
  return names
end

--- Edits of the model for what packages bring.
-- @param list packages as the question `apt` tells of them
-- @param asked { [kind] = { args … } }
-- @param view { answer(kind, args…) what is known before the transaction; managed(unit) whether Neap starts it }
-- @return { { kind, args, answer | why, package = the name of the one that brings it } … }
function debs.predict(list, asked, view)
  local edits, found, new_dirs = {}, {}, {}
  for i, deb in ipairs(list) do found[i] = { deb = deb, setup = setup_of(deb) } end
  for _, args in ipairs(asked.stat or {}) do
    for _, one in ipairs(found) do
      if path_edits(edits, one.deb, one.setup, args[1], view.answer("stat", args[1])) then
        new_dirs[args[1]] = true
        break
      end
    end
  end
  for _, one in ipairs(found) do
    for _, args in ipairs(asked.unit or {}) do
      if one.deb.units[args[1]] then
        unit_edit(edits, one.deb, one.setup, args[1], view)
      end
    end
    for _, args in ipairs(asked.getent or {}) do
      if one.setup[args[1]][args[2]] and not view.answer("getent", args[1], args[2]) then
        put(edits, "getent", args, nil, ("the set-up of package '%s' makes it, with a number of the host's choice")
          :format(one.deb.name))
      end
    end
  end
  for _, args in ipairs(asked.list or {}) do
    local names = listing(found, args[1], view.answer("list", args[1]))
    if #names > 0 or new_dirs[args[1]] then put(edits, "list", args, names) end
  end
  return edits
end

return debs
