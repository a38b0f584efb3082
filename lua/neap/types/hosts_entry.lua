--- The line of an address in /etc/hosts.
-- All lines of the address become one.
-- @usage hosts_entry "10.0.0.11" { names = { "db1.shop.test", "db1" } }
local difference = require "neap.engine.difference"
local edit = require "neap.edit"
local place = require "neap.place"
local taint = require "neap.core.taint"

local hosts_entry = {
  name = "hosts_entry", key = "address", atomic = true,
  attributes = {
    names = { type = "list", required = true, always = true,
      doc = "The names of the address, the canonical one first." },
    path = { type = "string", option = true, default = "/etc/hosts", always = true, kept = place.is_path,
      doc = "The file." },
    stood = edit.STOOD, apart = edit.APART,
    text = { type = "string", readonly = true, doc = "Its lines as they were found, with their blanks and comments." },
  },
  equal = { stood = edit.anywhere, apart = edit.anywhere, text = edit.anywhere },
}

function hosts_entry.check_key(key)
  if not key:find("^[%x:.%%%w]+$") then error("an address is written like 10.0.0.1 or fd00::1", 0) end
  return key
end

function hosts_entry.check(_, attrs)
  if not attrs.names[1] then error("'names' wants at least one name", 0) end
  for _, name in ipairs(attrs.names) do
    if not name:find("^[%w._-]+$") then error(("'%s' is no host name"):format(name), 0) end
  end
  return attrs
end

function hosts_entry.depends(_, attrs) return { "file:" .. attrs.path } end

local function path_of(attrs) return attrs and attrs.path or "/etc/hosts" end

--- The file that it is a part of.
function hosts_entry.inside(_, attrs) return path_of(attrs) end

local function names_in(lines)
  local names = {}
  for _, line in ipairs(lines) do
    for name in line:gsub("#.*", ""):gsub("^%s*%S+", ""):gmatch("%S+") do names[#names + 1] = name end
  end
  return names
end

function hosts_entry.probe(host, key, want, attrs)
  local path = path_of(want or attrs)
  local found, _, around = edit.text(host, path, true, want)
  local text = taint.reveal(found)
  local mine = edit.find(text, "first", { key })
  if not mine then return nil, around end
  return {
    names = names_in(mine), path = path, stood = edit.stood(text, "first", { key }), text = table.concat(mine, "\n"),
    apart = edit.apart(text, "first", { key }),
  }
end

--- The lines to write: as they once were, where they say what is wanted.
local function lines_of(key, to)
  local known = to.text and edit.lines(to.text)
  if known and difference.same(names_in(known), to.names) then return known end
  return { key .. "\t" .. table.concat(to.names, " ") }
end

local function change_of(key, change)
  local lines = change.to and lines_of(key, change.to) or {}
  local function fits(all) return difference.same(names_in(all), change.to.names) end
  return {
    how = "first", there = change.from ~= nil, marks = { key }, groups = edit.groups(change, lines, fits),
    create = true, unmake = edit.unmakes(change), mode = "0644",
  }, path_of(change.to or change.from)
end

function hosts_entry.last_line(key, attrs)
  local lines = lines_of(key, attrs)
  return lines[#lines]
end

function hosts_entry.steps(key, change)
  local how, path = change_of(key, change)
  return { edit.step(path, how, ("%s %s in %s"):format(change.to and "write" or "remove", key, path)) }
end

function hosts_entry.effects(key, change, model)
  local how, path = change_of(key, change)
  edit.effects(model, path, how, "hosts_entry:" .. key)
end

return hosts_entry
