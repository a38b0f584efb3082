--- Packages and their sources, releases, the host's name, kernel parameters, commands, checks.
local dice = require "dice"
local chance, maybe, one_of, words = dice.chance, dice.maybe, dice.one_of, dice.words

-- Small ones: alone, and with what comes along with another too. Of the distribution, or of the host's own source.
local PACKAGES = os.getenv("PACKAGES") and { "hello", "tree", "sl", "file" } or { "prop-one", "prop-two", "prop-three" }

local function packages_of(item, made)
  if not chance(40) then return end
  for _, name in ipairs(PACKAGES) do
    if chance(50) then
      item("package", name, function() return { hold = maybe(20, chance(50)) } end,
        { absent = name ~= "prop-one" and {} or nil }) -- another needs that one
    end
  end
  -- a source on the host itself, with two versions of a package that another needs
  local source = item("apt_repository", "prop", function()
    return { uris = { one_of { "file:/srv/repo", "copy:/srv/repo" } }, suites = { "./" }, trusted = true }
  end, { absent = {}, spot = "prop.sources" })
  local needs = { source }
  for i, name in ipairs { "prop-lib", "prop-tool" } do
    needs[i + 1] = item("package", name, function()
      return { version = one_of { "1.0", "2.0", "2*" }, hold = maybe(20, chance(50)) }
    end, { needs = table.move(needs, 1, #needs, 1, {}), absent = {} })
  end
  made.tool = needs[3]
end

local function releases_of(item, made)
  local folder = item("directory", "/srv/prop/app", function() return { mode = maybe(50, "0755") } end)
  item("release", folder.key, function(has)
    return {
      id = maybe(50, one_of { "1.0", "2.0" }), keep = maybe(50, one_of { 2, 4 }), owner = made.owner(has),
      files = { code = ('{ ["app.py"] = %q, ["bin/run"] = "#!/bin/sh\\n" }'):format(words(2)) },
      executable = maybe(50, { "bin/run" }),
    }
  end, { needs = { folder }, absent = {} })
end

local function commands_of(item)
  for i = 1, 2 do
    local path = "/srv/prop/c" .. i
    local attrs = { run = "echo made >" .. path, creates = path, undo = "rm -f " .. path }
    item("command", "pc" .. i, function() return attrs end, { absent = attrs })
  end
  local path = "/srv/prop/c3"
  local attrs = { run = "touch " .. path, unless = "test -e " .. path, undo = "rm -f " .. path, cwd = "/srv" }
  item("command", "pc3", function() return attrs end, { absent = attrs })
end

local function looks_of(item, made)
  local file = made.files[1]
  item("check", "file", function() return { command = "test -e " .. file.key, after = { "file:" .. file.key } } end,
    { needs = { file } })
  item("check", "ssh", function() return { port = 22, timeout_s = maybe(50, 5) } end)
  item("wait_for", "ssh", function() return { port = 22 } end)
  item("wait_for", "file", function() return { command = "test -s /etc/passwd", timeout_s = 5 } end)
end

return function(item, made)
  packages_of(item, made)
  releases_of(item, made)
  for _, name in ipairs { "one.prop.test", "two" } do
    item("hostname", name, function() return {} end, { spot = "hostname" })
  end
  made.parameter = one_of { "net.ipv4.tcp_syncookies", "net.ipv4.conf.all.log_martians", "net.ipv4.ip_forward" }
  item("sysctl", made.parameter, function() return { value = one_of { "0", "1" }, live = maybe(20, false) } end,
    { spot = made.parameter })
  commands_of(item)
  looks_of(item, made)
end
