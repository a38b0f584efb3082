--- A state repository of many runs over many hosts, as `git fast-import` reads it (to stdout), and the timing of a
-- commit to it.
--
--     neap-lua history.lua stream HOSTS RESOURCES COMMITS
--     neap-lua history.lua commit REPOSITORY ROUNDS     one changed host a round; prints milliseconds, one a line
local json = require "neap.core.json"
local entry_of = require "neap.engine.entry"
local store = require "neap.core.store"
local sys = require "neap.core.sys"

local START = 1700000000
-- Every so many commits change one file on all hosts; the others a few on one host or three.
local FLEET_WIDE = 200

local function host_name(i) return ("h%04d"):format(i) end

local TYPES = {
  file = { attributes = { content = { type = "string", blob = true }, mode = "mode", owner = "string" } },
  package = { attributes = { version = "string" } },
  service = { attributes = { running = "boolean", enabled = "boolean" } },
}

-- Of ten resources six are files, two packages, two services; one file in ten is the host's own.
local function resource_of(k)
  local name = k % 10 < 6 and "file" or k % 10 < 8 and "package" or "service"
  local key = name == "file" and ("/etc/app%d/conf.d/part%03d.conf"):format(k % 7, k) or ("%s%03d"):format(name, k)
  return {
    type = name, key = key, id = name .. ":" .. key, rtype = TYPES[name], meta = {}, absent = false,
    where = ("playbooks/part%d.lua:%d"):format(k % 7, k),
  }
end

local function content_of(host, k, version)
  local own = k % 10 == 0 and "host = " .. host .. "\n" or ""
  return ("# part %d, version %d\n%s"):format(k, version, own) .. ("setting = value of a line\n"):rep(10 + k % 30)
end

local function state_of(resource, host, k, version)
  if resource.type == "file" then return { content = content_of(host, k, version), mode = "0644", owner = "root" } end
  if resource.type == "package" then return { version = ("1.%d-%d"):format(k, version) } end
  return { running = version % 2 == 1, enabled = true }
end

local made = {}

-- { [path below the host] = bytes }; hosts share what is not their own.
local function records_of(host, k, version)
  local id = k .. ":" .. version .. (k % 10 == 0 and host or "")
  if made[id] then return made[id] end
  local resource = resource_of(k)
  local state = state_of(resource, host, k, version)
  resource.attrs = state
  made[id] = entry_of.files(host, resource, state, "")
  if version == 1 then
    for path, bytes in pairs(entry_of.files(host, resource, false, "genesis/")) do made[id][path] = bytes end
  end
  return made[id]
end

local function files_of(host, k, version, changes)
  for path, bytes in pairs(records_of(host, k, version)) do changes["hosts/" .. host .. "/" .. path] = bytes end
end

-- As a run over the whole fleet leaves it, of which it has changed few.
local function run_json(hosts, n)
  local told = {}
  for i = 1, hosts do told[host_name(i)] = { status = "ok", changes = i % 100 == n % 100 and 2 or 0 } end
  return json.encode({ verb = "apply", operator = "ann", controller = "desk", playbook = "site.lua", hosts = told },
    { indent = 2 }) .. "\n"
end

local written = {}

local function emit(n, names, changes)
  local lines = { ("apply site.lua: %d changes on %s\n"):format(#names, #names > 3 and #names .. " hosts" or
    table.concat(names, ", ")) }
  for i, name in ipairs(names) do lines[i + 1] = ("%s: ok, 1 change\n  ~ file:/etc/some/file"):format(name) end
  local message, out = table.concat(lines, "\n") .. "\n", {}
  local function put(...) for _, s in ipairs { ... } do out[#out + 1] = s end end
  put("commit refs/heads/main\ncommitter Ann <ann@desk> ", START + 600 * n, " +0000\ndata ", #message, "\n", message, "\n")
  for path, bytes in pairs(changes) do
    local mark = written[bytes]
    if mark then
      put("M 100644 :", mark, " ", path, "\n")
    else
      put("M 100644 inline ", path, "\ndata ", #bytes, "\n", bytes, "\n")
    end
  end
  put("\n")
  io.stdout:write(table.concat(out))
end

-- Contents that many hosts share are written once, under a mark.
local marks = 0
local function share(changes)
  for _, bytes in pairs(changes) do
    if not written[bytes] then
      marks = marks + 1
      written[bytes] = marks
      io.stdout:write("blob\nmark :", marks, "\ndata ", #bytes, "\n", bytes, "\n")
    end
  end
end

local function stream(hosts, resources, commits)
  local first, names = { ["run.json"] = run_json(hosts, 1) }, {}
  for i = 1, hosts do
    local changes = {}
    names[i] = host_name(i)
    for k = 1, resources do files_of(host_name(i), k, 1, changes) end
    changes["hosts/" .. host_name(i) .. "/status.json"] = '{ "status": "complete" }\n'
    share(changes)
    for path, bytes in pairs(changes) do first[path] = bytes end
  end
  emit(1, names, first)
  for n = 2, commits do
    local changes = { ["run.json"] = run_json(hosts, n) }
    names = {}
    local k = n * 7 % resources + 1
    local from, to = n * 37 % hosts + 1, n * 37 % hosts + 1 + n % 3
    if n % FLEET_WIDE == 0 then from, to = 1, hosts end
    for i = from, math.min(to, hosts) do
      names[#names + 1] = host_name(i)
      files_of(host_name(i), k, n, changes)
    end
    emit(n, names, changes)
  end
  io.stdout:write("done\n")
end

local function commit(path, rounds)
  local st = assert(store.open(path))
  local host = host_name(1)
  for n = 1, rounds do
    local changes = { ["run.json"] = run_json(1000, n) }
    for k = 1, 3 do files_of(host, k, 100000 + n, changes) end
    local head = st:head()
    local begun = sys.time()
    assert(st:commit { parent = head, changes = changes, message = "apply site.lua: 3 changes on " .. host .. "\n",
      author_name = "Ann", author_email = "ann@desk" })
    print(("%.2f"):format((sys.time() - begun) * 1000))
  end
  st:close()
end

io.stdout:setvbuf("full", 1 << 20)
local verbs = { stream = stream, commit = commit }
local numbers = {}
for i = 2, #arg do numbers[i - 1] = math.tointeger(tonumber(arg[i])) or arg[i] end
verbs[arg[1]](table.unpack(numbers))
