--- Two playbooks made at random, A and B, for the same host.
--
--     neap-lua generate.lua SEED FOLDER [DROPPED,…]
--
-- writes FOLDER/A.lua and FOLDER/B.lua. The same seed gives the same two; the
-- items whose numbers are in DROPPED are left out, so that a failure can be
-- made smaller. Prints how many items there are.
--
-- An item is a resource that may stand in either playbook: as something, as
-- something else, as absent, or not at all. What an item needs (a file its
-- directory, a service its unit) is in the playbook too where the item is.

local seed, folder, dropped = tonumber(arg[1]), arg[2], arg[3] or ""
math.randomseed(seed)

local function chance(percent) return math.random(100) <= percent end
local function one_of(list) return list[math.random(#list)] end

local MODES = { "0600", "0640", "0644", "0664", "0700", "0755", "0750", "0444" }
local WORDS = { "alpha", "beta", "gamma", "delta", "50% of", "a \"quoted\" word", "tab\there", "grün", "$HOME", "`x`", "\\n" }

local function words(count)
  local list = {}
  for i = 1, count do list[i] = one_of(WORDS) end
  return table.concat(list, " ")
end

-- Contents that have been trouble to somebody: none, no last newline, long, blank lines.
local function content()
  local kind = math.random(8)
  if kind == 1 then return "" end
  if kind == 2 then return words(3) end
  if kind == 3 then return words(4) .. "\r\n\n\n" .. words(2) .. "\n" end
  if kind == 4 then return ("%s\n"):format(words(8)):rep(60) end
  local lines = {}
  for i = 1, math.random(6) do lines[i] = words(math.random(4)) end
  return table.concat(lines, "\n") .. "\n"
end

local function literal(v)
  if type(v) == "string" then return (("%q"):format(v):gsub("\\\n", "\\n"):gsub("\r", "\\r")) end
  if type(v) == "table" and v.code then return v.code end
  if type(v) ~= "table" then return tostring(v) end
  local parts = {}
  for i, member in ipairs(v) do parts[i] = literal(member) end
  return "{ " .. table.concat(parts, ", ") .. " }"
end

local function attributes(attrs)
  local names, parts = {}, {}
  for name in pairs(attrs) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do parts[i] = name .. " = " .. literal(attrs[name]) end
  return "{ " .. table.concat(parts, ", ") .. " }"
end

-- Items: { type, key, make = function(has) -> attrs, needs = { item … }, absent = attrs|nil where it may be absent }
local items = {}
local function item(rtype, key, make, more)
  local made = more or {}
  made.type, made.key, made.make, made.needs = rtype, key, make, made.needs or {}
  items[#items + 1] = made
  return made
end

local function maybe(percent, value) if chance(percent) then return value end end

local users, groups = {}, {}
for i = 1, 2 do
  groups[i] = item("group", "pg" .. i, function() return { gid = maybe(50, 2100 + i * 10 + math.random(0, 3)) } end)
end
for i = 1, 2 do
  users[i] = item("user", "pu" .. i, function(has)
    local member = {}
    for _, group in ipairs(groups) do
      if has[group] and chance(50) then member[#member + 1] = group.key end
    end
    return {
      comment = maybe(70, one_of { "Somebody", "Some One", "x" }), shell = maybe(60, one_of { "/bin/sh", "/bin/bash" }),
      groups = maybe(60, member), system = i == 2 and maybe(20, true) or nil, locked = maybe(20, true),
    }
  end)
end

local function owner(has)
  local user = one_of(users)
  return has[user] and maybe(40, user.key) or nil
end

local folders = {}
for i = 1, 3 do
  local above = i == 3 and folders[1] or nil
  folders[i] = item("directory", (above and above.key or "/srv/prop") .. "/d" .. i, function(has)
    return { mode = maybe(50, one_of { "0755", "0750", "0700" }), owner = owner(has) }
  end, { needs = { above }, absent = {} })
end

local function place(i)
  local above = maybe(50, one_of(folders))
  return (above and above.key or one_of { "/srv/prop", "/etc/prop" }) .. "/f" .. i, { above }
end

local files = {}
for i = 1, 5 do
  local path, needs = place(i)
  files[i] = item("file", path, function(has)
    local attrs = { content = content(), mode = maybe(50, one_of(MODES)), owner = owner(has) }
    if chance(15) then attrs.content = { code = '"user=x\\npassword=" .. secret "pw" .. "\\n' .. one_of { "", "x" } .. '"' } end
    return attrs
  end, { needs = needs, absent = {} })
end
-- A file that was there before Neap.
item("file", "/etc/prop/old", function(has)
  return { content = maybe(80, content()), mode = maybe(50, one_of(MODES)), owner = owner(has) }
end, { absent = {} })

for i = 1, 2 do
  item("symlink", "/srv/prop/l" .. i, function() return { to = one_of { "/etc/prop/old", "d1", "nowhere", "/srv/prop/d1/f1" } } end,
    { absent = {} })
end

-- Parts of a file that was there before.
for i, name in ipairs { "alpha", "beta", "new" } do
  local path = "/etc/prop/conf"
  local match = ("^#?%s="):format(name)
  item("line", "p" .. i, function()
    return { path = path, line = ("%s=%s"):format(name, words(1)), match = match, below = maybe(30, "# middle") }
  end, { absent = { path = path, match = match } })
end
item("block", "pb", function()
  return { path = "/etc/prop/conf", content = words(2) .. "\n" .. words(1) .. "\n", below = maybe(30, "# middle") }
end, { absent = { path = "/etc/prop/conf" } })

for i = 1, 2 do
  item("hosts_entry", "10.99.0." .. i, function() return { names = { "h" .. i .. ".test", maybe(50, "h" .. i) } } end, { absent = {} })
end
item("sysctl", one_of { "net.ipv4.tcp_syncookies", "net.ipv4.conf.all.log_martians", "net.ipv4.ip_forward" },
  function() return { value = one_of { "0", "1" } } end)

local keys = { "AAAAC3NzaC1lZDI1NTE5AAAAIJpA5Bd2mUyj3R7ZW6FpVyc0S9xPy7qTQ9X1FQmHhR4a",
  "AAAAC3NzaC1lZDI1NTE5AAAAIKb0rOe3e5d1sEwM7V6mXbm4t4QxkLq1u8T0w2yR3n5c" }
for i = 1, 2 do
  local text = "ssh-ed25519 " .. keys[i]
  item("authorized_key", "pk" .. i, function()
    return { user = users[1].key, key = text .. one_of { "", " somebody" }, options = maybe(30, "restrict") }
  end, { needs = { users[1] } })
end

local function unit_text()
  return ("[Unit]\nDescription=%s\n[Service]\nExecStart=/bin/sleep %d\n[Install]\nWantedBy=multi-user.target\n"):format(
    one_of { "a", "b" }, one_of { 10000, 20000 })
end
for i = 1, 2 do
  local unit = item("systemd_unit", "pp" .. i .. ".service", function() return { content = unit_text() } end)
  item("service", "pp" .. i, function(has)
    local on = { unit.type .. ":" .. unit.key }
    for _, file in ipairs(files) do
      if has[file] and chance(20) then on[#on + 1] = "file:" .. file.key end
    end
    return { running = maybe(80, chance(70)), enabled = maybe(60, chance(60)), restart_on = on }
  end, { needs = { unit } })
end
item("systemd_unit", "cron-prop.service.d/p.conf", function() return { content = "[Service]\nNice=" .. math.random(9) .. "\n" } end,
  { absent = {} })
item("timer", "ptimer", function()
  return {
    on_calendar = { one_of { "hourly", "daily", "Mon *-*-* 06:00" } }, command = one_of { "/bin/true", "echo 'x y'" },
    running = maybe(40, chance(50)),
  }
end, { absent = {} })

for i = 1, 2 do
  local path = "/srv/prop/c" .. i
  local attrs = { run = "echo made >" .. path, creates = path, undo = "rm -f " .. path }
  item("command", "pc" .. i, function() return attrs end, { absent = attrs })
end

if os.getenv("PACKAGES") and chance(20) then
  for _, name in ipairs { "hello", "sl" } do item("package", name, function() return {} end, { absent = {} }) end
end

local gone = {}
for number in dropped:gmatch("%d+") do gone[tonumber(number)] = true end

-- Few resources or many.
local density = math.random(15, 60)

-- Which items stand in a playbook: { [item] = "present" | "absent" }.
local function choose()
  local has = {}
  local function add(one)
    if has[one] then return end
    has[one] = "present"
    for _, need in ipairs(one.needs) do add(need) end
  end
  for i, one in ipairs(items) do
    local wanted = chance(density)
    if wanted and not gone[i] then add(one) end
  end
  return has
end

-- What another playbook has and this one does not: let alone, or absent.
local function take_away(has, other)
  for i = #items, 1, -1 do
    local one = items[i]
    local wanted = chance(40)
    if not has[one] and wanted and one.absent and not gone[i] then
      local needed = false
      for needing in pairs(other) do
        for _, need in ipairs(needing.needs) do needed = needed or need == one and has[needing] ~= "absent" end
      end
      for needing, state in pairs(has) do
        for _, need in ipairs(needing.needs) do needed = needed or need == one and state == "present" end
      end
      if not needed then has[one] = "absent" end
    end
  end
end

local function text_of(has, before)
  local lines, made = {}, {}
  local present = {}
  for one, state in pairs(has) do present[one] = state == "present" or nil end
  for i, one in ipairs(items) do
    -- chances of its own, so that an item stays what it is when others are dropped
    math.randomseed(seed, 2 * i + (before and 1 or 0))
    -- what B keeps of A as it is, it keeps to the letter
    local attrs = before and before[one] and chance(45) and before[one] or one.make(present)
    if has[one] == "present" then
      made[one] = attrs
      lines[#lines + 1] = ("%s %s %s"):format(one.type, literal(one.key), attributes(attrs))
    elseif has[one] == "absent" then
      table.insert(lines, 1, ("absent.%s %s %s"):format(one.type, literal(one.key), attributes(one.absent)))
    end
  end
  return table.concat(lines, "\n") .. "\n", made
end

local function write(name, text)
  local file <close> = assert(io.open(folder .. "/" .. name, "w"))
  assert(file:write(text))
end

local a, b = choose(), choose()
take_away(a, {})
take_away(b, a)
local text, made = text_of(a)
write("A.lua", text)
-- attributes that lean on other items (owners, groups) are made anew for B
for one in pairs(made) do
  if one.type ~= "line" and one.type ~= "timer" and one.type ~= "systemd_unit" and one.type ~= "block" then
    for _, attr in ipairs { "owner", "groups", "restart_on" } do
      if made[one] and made[one][attr] then made[one] = nil end
    end
  end
end
write("B.lua", (text_of(b, made)))
print(#items)
