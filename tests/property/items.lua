--- The items that playbooks are made of.
--
--     item(TYPE, KEY, make, { needs, absent, late, spot, share })
--
-- An item is a resource that may stand in either playbook: as something, as
-- something else, as absent, or not at all.
--
--     make(has)   its attributes, by chance; has = the items that are in the playbook
--     needs       items that are in the playbook too where this one is: a file's directory
--     absent      its attributes where it is to be absent; without, it never is
--     late        absent, it stands in its place and not before all that is present: others bring it
--     spot        of the items of one spot only one is in a playbook, or those of one `share`
local items = {}

local function item(rtype, key, make, more)
  local made = more or {}
  made.type, made.key, made.make, made.needs = rtype, key, make, made.needs or {}
  items[#items + 1] = made
  return made
end

local made = require("accounts")(item)
require("paths")(item, made)
require("parts")(item, made)
require("services")(item, made)
require("system")(item, made)
require("overlaps")(item, made)
require("shipped")(item, made)
if os.getenv("DATABASES") then require("databases")(item) end

return items
