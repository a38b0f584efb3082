--- Lines and blocks of files that somebody else writes, or that are whole in the other playbook.
local dice = require "dice"
local maybe, one_of, words = dice.maybe, dice.one_of, dice.words

local CONF = "/etc/prop/conf"

local KEYS = {
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJpA5Bd2mUyj3R7ZW6FpVyc0S9xPy7qTQ9X1FQmHhR4a",
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKb0rOe3e5d1sEwM7V6mXbm4t4QxkLq1u8T0w2yR3n5c",
}

local function lines_of(item)
  for i, name in ipairs { "alpha", "beta", "new" } do
    local match = ("^#?%s="):format(name)
    item("line", "p" .. i, function()
      return { path = CONF, line = ("%s=%s"):format(name, words(1)), match = match, below = maybe(30, "# middle") }
    end, { absent = { path = CONF, match = match }, spot = CONF, share = true })
  end
  item("line", "secret", function()
    return { path = CONF, line = { code = '"token=" .. secret "pw"' }, match = "^token=" }
  end, { spot = CONF, share = true })
end

local function blocks_of(item)
  item("block", "pb", function()
    return { path = CONF, content = words(2) .. "\n" .. words(1) .. "\n", below = maybe(30, "# middle"),
      comment = maybe(20, ";") }
  end, { absent = { path = CONF }, spot = CONF, share = true })
end

-- In a file that is made for them. None of them is declared absent: what takes lines out leaves the file, and there is
-- no record that an empty file is what is left.
local function made_of(item)
  local path = "/etc/prop/made"
  for i = 1, 2 do
    item("line", "pm" .. i, function() return { path = path, line = "made " .. i, create = true } end)
  end
  item("block", "pm", function() return { path = path, content = words(1) .. "\n", create = true } end)
end

local OTHERS = {
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFpo0rZ3TzYw1e9c7nB5vXqLk2mJt8sHd4aGyRfUiPq1",
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMv6bXcW2qQe8zLr5nYt0uKj3hGf7dSa9pOiU1yTrEwZ",
}

-- Labels that may stand for something else in the other playbook.
local function labels_of(item, made)
  item("line", "moving", function() return { path = CONF, line = one_of { "moving 1", "moving 2" } } end,
    { spot = CONF, share = true })
  item("block", "moving", function()
    return { path = one_of { "/etc/prop/moving1", "/etc/prop/moving2" }, content = words(1) .. "\n", create = true }
  end)
  item("authorized_key", "moving", function()
    return { user = made.users[1].key, key = one_of(OTHERS) }
  end, { needs = { made.users[1] } })
end

return function(item, made)
  lines_of(item)
  made_of(item)
  blocks_of(item)
  labels_of(item, made)
  item("file", CONF, function(has)
    return { content = dice.content(), mode = maybe(40, dice.mode()), owner = made.owner(has) }
  end, { spot = CONF })
  for i = 1, 2 do
    item("hosts_entry", "10.99.0." .. i, function() return { names = { "h" .. i .. ".test", maybe(50, "h" .. i) } } end,
      { absent = {}, spot = "10.99.0." .. i })
    item("authorized_key", "pk" .. i, function()
      return { user = made.users[1].key, key = KEYS[i] .. one_of { "", " somebody" }, options = maybe(30, "restrict") }
    end, { needs = { made.users[1] } })
  end
end
