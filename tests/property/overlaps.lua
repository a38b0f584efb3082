--- What another type of resource writes in the other playbook, and what goes by another label there.
local dice = require "dice"
local maybe, one_of = dice.maybe, dice.one_of

local function files_of(item, made)
  item("file", "/etc/hostname", function() return { content = "three\n", mode = maybe(50, dice.mode()) } end,
    { spot = "hostname" })
  item("file", ("/etc/sysctl.d/90-neap-%s.conf"):format(made.parameter), function()
    return { content = one_of { "# none\n", "" }, mode = maybe(50, dice.mode()) }
  end, { spot = made.parameter, absent = {} })
  item("file", "/etc/apt/sources.list.d/prop.sources", function()
    return { content = one_of { "# none\n", "# nothing\n" }, mode = maybe(50, "0644") }
  end, { spot = "prop.sources", absent = {} })
end

local function units_of(item)
  local function unit(name, text)
    return item("systemd_unit", "ptimer." .. name, function() return { content = text:format(one_of { "a", "b" }) } end,
      { spot = "ptimer", share = true })
  end
  unit("service", "[Unit]\nDescription=%s\n[Service]\nType=oneshot\nExecStart=/bin/true\n")
  unit("timer", "[Unit]\nDescription=%s\n[Timer]\nOnCalendar=monthly\n[Install]\nWantedBy=timers.target\n")
end

local KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHq0oBv7c2Yw5nLr8xK3mJtP9sDfGhZuEiVaTyRbNwXk"

local function labels_of(item, made)
  item("line", "address", function()
    return { path = "/etc/hosts", line = "10.99.0.1 " .. one_of { "x", "y" }, match = "^10%.99%.0%.1%s" }
  end, { spot = "10.99.0.1" })
  for _, label in ipairs { "one", "other" } do
    item("line", label, function() return { path = "/etc/prop/named", line = "named", create = true } end,
      { spot = "named" })
    item("authorized_key", label, function() return { user = made.users[1].key, key = KEY } end,
      { spot = "named key", needs = { made.users[1] } })
    item("command", label, function()
      return { run = "echo >/srv/prop/named", creates = "/srv/prop/named", undo = "rm -f /srv/prop/named" }
    end, { spot = "named command" })
  end
end

return function(item, made)
  files_of(item, made)
  units_of(item)
  labels_of(item, made)
end
