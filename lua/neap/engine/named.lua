--- Numbers that have got a name: what belonged to no account when a plan looked, and belongs since to one that this run
-- has made, is what the plan saw all the same. The host picks the numbers of new accounts, so no plan knows them.
local difference = require "neap.engine.difference"
local sh = require "neap.sh"

local named = {}

local DATABASES = { owner = "passwd", group = "group" }
local TIMEOUT_MS = 30 * 1000

-- What a state says of an attribute, where it is told by a bare number and another by a name.
local function number_of(rtype, attribute, planned, found)
  local number, name = planned[attribute], found[attribute]
  if not rtype.attributes[attribute] or type(number) ~= "string" or type(name) ~= "string" then return nil end
  return number:find("^%d+$") and not name:find("^%d+$") and number or nil
end

--- The state that a plan saw, with the names that its numbers have got.
-- @param conn a neap.core.remote connection
-- @param planned, found attributes, or nil
function named.since(conn, rtype, planned, found)
  local names = {}
  for attribute, database in pairs(planned and found and DATABASES or {}) do
    local number = number_of(rtype, attribute, planned, found)
    local reply = number and conn:request { script = sh("getent %s %s", database, number), timeout_ms = TIMEOUT_MS }
    if reply and reply.out:match("^[^:\n]*") == found[attribute] then names[attribute] = found[attribute] end
  end
  return next(names) and difference.overlay(planned, names) or planned
end

return named
