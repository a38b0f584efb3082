--- Journals that runs have left. The first line says which: `run` (the controller's, which the next run records), or
-- `host` (what a host says of locks, of its journal and of what it owes).
local at_work = require "neap.engine.at_work"
local brief = require "neap.engine.brief"
local hostlock = require "neap.engine.hostlock"
local json = require "neap.core.json"
local leftover = require "neap.engine.leftover"
local must = require "must"
local overview = require "neap.engine.overview"
local project = require "neap.engine.project"
local sys = require "neap.core.sys"
local telling = require "telling"

-- In place of files and of the repository.
local text, ended
require("neap.core.journal").adopt = function()
  return { close = function() end, remove = function() ended = true end }
end
sys.list_dir = function() return { "1.jsonl" } end
local read_file = sys.read_file
sys.read_file = function(path)
  if path:find("%.jsonl$") then return text end
  return read_file(path)
end

local function is_in_place(path)
  if path == "run.json" or path == "seal.check" then return true end
  if not path:find("^hosts/[^/]+/") or path:find("//", 1, true) or path:find("[%z\1-\31]") then return false end
  for part in path:gmatch("[^/]+") do
    if part == "." or part == ".." or part:lower() == ".git" then return false end
  end
  return true
end

local function commit(_, made)
  for path, bytes in pairs(made.changes) do
    must(type(path) == "string" and is_in_place(path), "it records at '" .. tostring(path) .. "'")
    must(type(bytes) == "string", "it records no text")
  end
  must(type(made.message) == "string", "a commit without a message")
  return ("0"):rep(40)
end
local store = setmetatable({
  head = function() return "rev" end, read = function() end, log = function() return {} end, config = function() end,
  commit = commit,
}, { __close = function() end })
local key = telling.key()
project.create = function() return store, key end

local function of_run()
  local ui = telling.ui()
  ended = false
  leftover.recover { opts = { state = "/nowhere/state.git" }, ui = ui }
  must(ended, "the journal is still there, and the next run stops at it too")
  for _, one in ipairs(leftover.list { state = "/nowhere/state.git" }) do
    for name, host in pairs(one.hosts) do
      local status = leftover.status(one.run, host, {})
      for _, running in ipairs { false, { run = one.run, host = host } } do
        local seen = { name = name, status = status, running = running or nil }
        for _, line in ipairs(overview.lines(seen, ui)) do ui:line(line) end
        json.encode(overview.event(seen))
      end
    end
  end
  ui.look()
end

local function of_host()
  local ui = telling.ui()
  local conn = { request = function() return { rc = 0, out = text, err = "" } end }
  local host = { name = "web1", conn = conn, lock = hostlock.parse("\n" .. text), status = { status = "complete" } }
  host.facts = { machine_id = "m1" }
  telling.try(hostlock.check, host.lock)
  host.there = overview.look(host)
  for _, line in ipairs(overview.lines(host, ui)) do ui:line(line) end
  ui.look()
  json.encode(overview.event(host))
  local one = at_work.there(host)
  if one then json.encode { at_work.told(one), at_work.say(one) } end
  local found = { content = "x\n", mode = "0644" }
  local resource = { id = "file:/a", type = "file", key = "/a", attrs = found, rtype = require "neap.types.file" }
  brief.has_made(one and one.made or { journal = at_work.steps(text), step = 1 }, resource, found)
end

return function(input)
  local which
  which, text = input:match("^(%l+)\n(.*)$")
  if which == "run" then of_run() elseif which == "host" then of_host() end
end
