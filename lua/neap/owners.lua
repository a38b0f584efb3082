--- What becomes of the owners of files when users and groups come, go, or change their numbers: a file keeps the
-- number, and `stat` gives it the name that the number has by then, or the number itself.
local place = require "neap.place"

local owners = {}

local NUMBER = { owner = "uid", group = "gid" }

-- What stat will say of one file, its owner and his number; nil: the same as now.
local function renamed(st, what, name, from, to, goes_along)
  local number = st[NUMBER[what]]
  if number == nil or from == to then return nil end
  if goes_along and number == from then return st[what], to end
  if number == to then return name, number end
  if number == from and st[what] == name then return tostring(number), number end
end

--- Tells the model, for all files that were asked for.
-- @param what "owner" or "group"
-- @param name of the account
-- @param from, to its number before and after; nil: there is no such account, or the host picks the number
-- @param home files in it go along with the number, or nil
function owners.renumber(model, what, name, from, to, home)
  for _, path in ipairs(model:asked("stat")) do
    local st = model:get("stat", { path })
    local goes_along = home and to and (path == home or place.lies_in(path, home))
    local new, number
    if st then new, number = renamed(st, what, name, from, to, goes_along) end
    if new then
      local changed = {}
      for field, value in pairs(st) do changed[field] = value end
      changed[what], changed[NUMBER[what]] = new, number
      -- The file of one who has another number by then was his before Neap all the same.
      if to then model:reword("stat", { path }, changed) else model:set("stat", { path }, changed) end
    end
  end
end

return owners
