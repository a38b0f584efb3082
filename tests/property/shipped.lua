--- What a package has brought, maybe in an earlier run: its file, its directory, its configuration file, its unit, and
-- its service.
local dice = require "dice"
local chance, maybe, one_of, words = dice.chance, dice.maybe, dice.one_of, dice.words

local UNIT = "[Service]\nExecStart=/bin/sleep 30000\n[Install]\nWantedBy=multi-user.target\n"

return function(item, made)
  local needs = { made.tool }
  if not needs[1] then return end
  item("directory", "/usr/share/prop-tool", function() return { mode = one_of { "0755", "0700" } } end,
    { needs = needs })
  item("file", "/usr/share/prop-tool/version", function() return { content = words(2), mode = maybe(40, "0600") } end,
    { needs = needs, absent = {}, late = true })
  item("line", "shipped", function()
    return { path = "/etc/prop-tool.conf", match = "^of prop", line = one_of { "of prop x", "of prop y" } }
  end, { needs = needs })
  local unit = item("systemd_unit", "prop-tool.service", function() return { content = UNIT } end,
    { needs = needs, absent = {}, late = true })
  item("service", "prop-tool", function(has)
    return {
      running = chance(60), enabled = chance(60), restart_on = { has[unit] and "systemd_unit:prop-tool.service" },
    }
  end, { needs = needs })
end
