--- A source of packages, with the key that signs it: one file NAME.sources in /etc/apt/sources.list.d.
-- Packages declared after it can come from it, in the plan already: their transaction is resolved against the sources
-- as they will be. The index is fetched when packages next need it.
-- @usage apt_repository "example" {
-- @usage   uris = "https://packages.example.org/debian", suites = "bookworm", components = "main",
-- @usage   key_file = "files/example.asc",
-- @usage }
local crypto = require "neap.core.crypto"
local look = require "neap.look"
local place = require "neap.place"
local taint = require "neap.core.taint"

local DIR = "/etc/apt/sources.list.d/"

local apt_repository = {
  name = "apt_repository", key = "name", supplies = "package",
  attributes = {
    uris = { type = "list", option = true, recorded = false, doc = "Where it is." },
    suites = { type = "list", option = true, recorded = false,
      doc = "Its suites, such as \"bookworm\"; one that ends with / has no components." },
    components = { type = "list", option = true, recorded = false, default = { "main" }, doc = "Its components." },
    types = { type = "list", option = true, recorded = false, default = { "deb" },
      doc = "\"deb\", \"deb-src\" or both." },
    architectures = { type = "list", option = true, recorded = false,
      doc = "Architectures, when not all of the host's." },
    key = { type = "string", option = true, recorded = false, doc = "The public key that signs it, in armour." },
    key_file = { type = "string", option = true, reads = "key", doc = "A file of the project with that key." },
    trusted = { type = "boolean", option = true, recorded = false, doc = "Take its packages without a signature." },
    content = { type = "string", always = true, blob = true, doc = "The text of the file; made of the others." },
  },
}

local function field(lines, name, list)
  if list and #list > 0 then lines[#lines + 1] = name .. ": " .. table.concat(list, " ") end
end

local function key_lines(lines, key)
  if not key then return end
  lines[#lines + 1] = "Signed-By:"
  for line in (key:gsub("\r", ""):gsub("%s+$", "") .. "\n"):gmatch("([^\n]*)\n") do
    lines[#lines + 1] = line == "" and " ." or " " .. line
  end
end

local function content_of(attrs)
  local lines = {}
  field(lines, "Types", attrs.types)
  field(lines, "URIs", attrs.uris)
  field(lines, "Suites", attrs.suites)
  if not attrs.suites[1]:find("/$") then field(lines, "Components", attrs.components) end
  field(lines, "Architectures", attrs.architectures)
  if attrs.trusted then lines[#lines + 1] = "Trusted: yes" end
  key_lines(lines, attrs.key)
  return table.concat(lines, "\n") .. "\n"
end

function apt_repository.check(key, attrs)
  if not key:find("^[%w_-][%w_.-]*$") then error(("'%s' is no name of a sources file"):format(key), 0) end
  if taint.is(attrs.content) then error("everybody on the host can read a source of packages: no secrets here", 0) end
  if attrs.content then return attrs end
  for _, name in ipairs { "uris", "suites" } do
    if not attrs[name] or #attrs[name] == 0 then error(("attribute '%s' is required"):format(name), 0) end
  end
  for _, name in ipairs { "uris", "suites", "components", "types", "architectures" } do
    for _, word in ipairs(attrs[name] or {}) do
      if word:find("[%s%c]") or word == "" then error(("'%s' in %s is not one word"):format(word, name), 0) end
    end
  end
  if attrs.key and not attrs.key:find("BEGIN PGP PUBLIC KEY BLOCK", 1, true) then
    error("the key must be in armour: gpg --export --armor", 0)
  end
  attrs.content = content_of(attrs)
  return attrs
end

local function path_of(key) return DIR .. key .. ".sources" end

function apt_repository.paths(key) return { path_of(key) } end

function apt_repository.probe(host, key, want)
  local path = path_of(key)
  if want then host:expect("sha256", path) end
  local st = host:stat(path)
  if not st then return nil end
  if st.kind ~= "file" then look.fail("'%s' is no file", path) end
  if want and host:sha256(path) == crypto.sha256(want.content) then return { content = want.content } end
  return { content = host:content(path) }
end

function apt_repository.steps(key, change)
  local path = path_of(key)
  if change.kind == "delete" then return { { run = place.remove(path, "file"), title = "remove " .. path } } end
  local how = { owner = "root", group = "root", mode = "0644", replaces = change.from and "file" }
  return { { run = place.write(path, how), stdin = change.to.content, title = "write " .. path } }
end

function apt_repository.effects(key, change, model)
  local path, to = path_of(key), change.to
  model:set("stat", { path }, to and look.predicted("file", {}, "0644"))
  model:set("content", { path }, to and to.content)
  model:set("sha256", { path }, to and crypto.sha256(to.content))
end

return apt_repository
