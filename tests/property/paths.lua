--- Files, directories and links; one that becomes another; directories that are purged.
local dice = require "dice"
local chance, maybe, one_of = dice.chance, dice.maybe, dice.one_of

local SECRET = '"user=x\\npassword=" .. secret "pw" .. "\\n%s"'

local function file_content()
  if chance(15) then return { code = SECRET:format(one_of { "", "x" }) } end
  return dice.content()
end

local function folders_of(item, made)
  local folders = {}
  for i = 1, 3 do
    local above = i == 3 and folders[1] or nil
    folders[i] = item("directory", (above and above.key or "/srv/prop") .. "/d" .. i, function(has)
      return { mode = maybe(50, one_of { "0755", "0750", "0700" }), owner = made.owner(has), group = made.group(has) }
    end, { needs = { above }, absent = {} })
  end
  return folders
end

local function files_of(item, made, folders)
  local files = {}
  for i = 1, 5 do
    local above = maybe(50, one_of(folders))
    local path = (above and above.key or one_of { "/srv/prop", "/etc/prop" }) .. "/f" .. i
    files[i] = item("file", path, function(has)
      return { content = file_content(), mode = maybe(50, dice.mode()), owner = made.owner(has),
        group = made.group(has), validate = maybe(10, "test -e %s") }
    end, { needs = { above }, absent = {} })
  end
  -- there before Neap, the second one's owner and group too
  item("file", "/etc/prop/old", function(has)
    return { content = maybe(80, dice.content()), mode = maybe(50, dice.mode()), owner = made.owner(has) }
  end, { absent = {} })
  item("file", "/etc/prop/owned", function(has)
    local user = made.owner(has) or "root"
    return { content = maybe(50, dice.content()), owner = maybe(50, user), group = made.group(has) }
  end, { absent = {} })
  return files
end

-- Paths at which one kind of thing follows another; where something stood before Neap, no directory takes its place.
local SHAPES = { { "x1", "fdl" }, { "x2", "fdl" }, { "x-file", "fl" }, { "x-link", "fl" } }

local function shape_of(item, made, name, kinds)
  local path = "/srv/prop/" .. name
  local function kind(letter, rtype, make)
    if kinds:find(letter) then item(rtype, path, make, { spot = path, absent = #kinds == 3 and {} or nil }) end
  end
  kind("f", "file", function(has)
    return { content = file_content(), mode = maybe(30, dice.mode()), owner = made.owner(has), force = true }
  end)
  kind("l", "symlink", function() return { to = one_of { "/etc/prop/old", "nowhere" }, force = true } end)
  kind("d", "directory", function() return { mode = maybe(50, "0750"), force = true } end)
end

-- What somebody else has put there is in purged/ and in purged/in, and goes.
local function purged_of(item)
  local function purged(path, needs)
    return item("directory", path, function() return { purge = maybe(60, true) } end, { needs = needs })
  end
  local outer = purged "/srv/prop/purged"
  local inner = purged("/srv/prop/purged/in", { outer })
  for i, folder in ipairs { outer, inner } do
    item("file", folder.key .. "/p" .. i, function() return { content = dice.content() } end,
      { needs = { folder }, absent = {} })
  end
  item("directory", "/srv/prop/full", function() return { mode = maybe(50, "0700") } end, { absent = { force = true } })
end

return function(item, made)
  made.folders = folders_of(item, made)
  made.files = files_of(item, made, made.folders)
  for i = 1, 2 do
    item("symlink", "/srv/prop/l" .. i, function(has)
      return { to = one_of { "/etc/prop/old", "d1", "nowhere", "/srv/prop/d1/f1" }, owner = made.owner(has) }
    end, { absent = {} })
  end
  for _, shape in ipairs(SHAPES) do shape_of(item, made, table.unpack(shape)) end
  purged_of(item)
end
