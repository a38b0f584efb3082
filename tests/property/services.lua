--- Units, services and timers; units that go away under a service, and one that a package has brought.
local dice = require "dice"
local chance, maybe, one_of = dice.chance, dice.maybe, dice.one_of

local function unit_text()
  local text = "[Unit]\nDescription=%s\n[Service]\nExecStart=/bin/sleep %d\n%s[Install]\nWantedBy=multi-user.target\n"
  return text:format(one_of { "a", "b" }, one_of { 10000, 20000 }, one_of { "", "ExecReload=/bin/true\n" })
end

local function watched(has, files, unit)
  local list = { unit and unit.type .. ":" .. unit.key }
  for _, file in ipairs(files) do
    if has[file] and chance(20) then list[#list + 1] = "file:" .. file.key end
  end
  return list
end

local function own_of(item, files)
  for i = 1, 2 do
    local unit = item("systemd_unit", "pp" .. i .. ".service", function() return { content = unit_text() } end,
      { absent = {} })
    item("service", "pp" .. i, function(has)
      return { running = maybe(80, chance(70)), enabled = maybe(60, chance(60)), restart_on = watched(has, files, unit),
        reload_on = maybe(40, watched(has, files)) }
    end, { needs = { unit }, absent = {} })
  end
end

-- pold.service was there before, runs and starts at boot.
local function old_of(item, files)
  local drop_in = item("systemd_unit", "pold.service.d/p.conf", function()
    return { content = "[Service]\nNice=" .. math.random(9) .. "\n" }
  end, { absent = {} })
  item("service", "pold", function(has)
    if chance(25) then return { masked = true, running = maybe(50, false) } end
    local running, enabled = maybe(70, chance(60)), maybe(60, chance(50))
    return { running = running, enabled = enabled, masked = maybe(running and 100 or 20, false), -- it may be masked
      restart_on = watched(has, files, has[drop_in] and drop_in) }
  end, { absent = {} })
end

local function timers_of(item)
  item("timer", "ptimer", function()
    local by_date = chance(70)
    return {
      on_calendar = by_date and { one_of { "hourly", "daily", "Mon *-*-* 06:00" } } or nil,
      on_active = not by_date and "1h" or nil, every = not by_date and one_of { "2h", "90min" } or nil,
      command = one_of { "/bin/true", "echo 'x y'" }, running = maybe(40, chance(50)),
      persistent = maybe(20, false), random_delay = maybe(20, "5min"), description = maybe(20, "What it is 100%"),
    }
  end, { absent = {}, spot = "ptimer" })
end

return function(item, made)
  own_of(item, made.files)
  old_of(item, made.files)
  timers_of(item)
end
