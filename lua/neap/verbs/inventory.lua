--- neap inventory: which hosts there are, in which groups, and where each variable of a host comes from.
local command = require "neap.engine.command"
local evaluate = require "neap.engine.evaluate"
local fault = require "neap.engine.fault"
local inventory = require "neap.inventory"
local json = require "neap.core.json"
local natural = require "neap.inventory.natural"
local near = require "neap.near"
local sys = require "neap.core.sys"
local taint = require "neap.core.taint"
local variables = require "neap.engine.variables"

local function groups_of(host)
  local names = {}
  for _, name in ipairs(host.groups) do
    if name ~= "all" then names[#names + 1] = name end
  end
  return names
end

local function address_of(host) return host.port and ("%s:%d"):format(host.address, host.port) or host.address end

-- A cell wider than this puts its own row out of line, and no other.
local WIDEST = 40

-- Rows of cells as aligned text.
local function table_text(rows)
  local widths, lines = {}, {}
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do
      local width = utf8.len(cell) or #cell
      widths[i] = math.max(widths[i] or 0, width <= WIDEST and width or 0)
    end
  end
  for i, row in ipairs(rows) do
    local cells = {}
    for j, cell in ipairs(row) do cells[j] = cell .. (" "):rep(math.max(0, widths[j] - (utf8.len(cell) or #cell))) end
    lines[i] = table.concat(cells, "  "):gsub("%s+$", "")
  end
  return lines
end

local function show_list(ui, hosts)
  local rows = {}
  for i, host in ipairs(hosts) do
    rows[i] = { host.name, address_of(host), table.concat(groups_of(host), " ") }
    ui:event {
      event = "host", host = host.name, address = host.address, port = host.port, groups = json.array(groups_of(host)),
    }
  end
  for _, line in ipairs(table_text(rows)) do ui:line(ui:clean(line)) end
end

-- Groups as a tree, each with its hosts; hosts in no group stand under all.
local function show_graph(ui, model, hosts)
  local chosen = {}
  for _, host in ipairs(hosts) do chosen[host.name] = true end
  local function show(name, depth)
    local group = model.groups[name]
    ui:line(ui:clean(("  "):rep(depth) .. "@" .. name))
    local children = table.move(group.children, 1, #group.children, 1, {})
    local members = table.move(group.members, 1, #group.members, 1, {})
    if name == "all" then
      for _, other in ipairs(model:group_names()) do
        if other ~= "all" and #model.groups[other].parents == 0 then children[#children + 1] = other end
      end
      for _, host in ipairs(model.hosts) do
        if #host.groups == 1 and not model.groups.all.members[host.name] then members[#members + 1] = host.name end
      end
    end
    natural.sort(children)
    natural.sort(members)
    for _, child in ipairs(children) do
      if child ~= "all" then show(child, depth + 1) end
    end
    for _, member in ipairs(members) do
      if chosen[member] and (name ~= "all" or #model.by_name[member].groups == 1) then
        ui:line(ui:clean(("  "):rep(depth + 1) .. member))
      end
    end
  end
  show("all", 0)
  for _, name in ipairs(model:group_names()) do
    ui:event { event = "group", group = name, hosts = json.array(table.move(model.groups[name].members, 1,
      #model.groups[name].members, 1, {})), children = json.array(table.move(model.groups[name].children, 1,
      #model.groups[name].children, 1, {})) }
  end
end

local function value_text(v)
  if taint.is(v) then return tostring(v) end
  if type(v) == "string" and v:find("^[%g ]*$") and v ~= "" then return v end
  return (json.encode(v))
end

local function at(vars, path)
  for name in path:gmatch("[^.]+") do
    if type(vars) ~= "table" then return nil end
    vars = vars[name]
  end
  return vars
end

local SETTINGS = { "become", "become_user", "become_password", "password", "private_key", "known_hosts",
  "guard_timeout" }

local function show_settings(ui, host)
  local rows = { { "address", address_of(host) }, { "groups", table.concat(groups_of(host), " ") } }
  if host.user then table.insert(rows, 2, { "user", host.user }) end
  for _, name in ipairs(SETTINGS) do
    local value = host.connection[name]
    if name:find("password") and value ~= nil then value = "<secret>" end
    if value ~= nil then rows[#rows + 1] = { name, tostring(value) } end
  end
  ui:line(ui:paint("bold", host.name))
  for _, line in ipairs(table_text(rows)) do ui:line(ui:clean("  " .. line)) end
end

-- Default variables that playbooks beside the inventory, or here, would add: a layer, or nil.
local function defaults_layer(model)
  local dirs = { model.paths[1]:match("^(.*/)[^/]*$") or "", "" }
  for _, dir in ipairs(dirs) do
    for _, name in ipairs { "playbooks/defaults.lua", "defaults.lua" } do
      local text = sys.read_file(dir .. name)
      if text then return { label = dir .. name, vars = evaluate.defaults(text, dir .. name) } end
    end
  end
end

-- All variables of a host, and where each came from.
local function variables_of(model, host, extra)
  local layers = { defaults_layer(model) }
  local own = model:layers(host)
  table.move(own, 1, #own, #layers + 1, layers)
  local vars, origins = variables.merge(layers)
  variables.extra(vars, origins, extra)
  return vars, origins
end

local function is_hidden(name) return name:find("password") or name:find("passwd") or name:find("ansible_.*pass") end

local function show_host(ui, model, name, extra)
  local host = model.by_name[name]
  if not host then
    fault.raise("usage", nil, "no host '%s' in the inventory%s", name, near.hint(name, model.by_name))
  end
  show_settings(ui, host)
  local all, origins = variables_of(model, host, extra)
  local rows, vars = {}, {}
  for _, path in ipairs(natural.keys(origins)) do
    local value = at(all, path)
    if is_hidden(path) and type(value) == "string" then value = "<secret>" end
    rows[#rows + 1] = { path, "= " .. value_text(value), "# " .. origins[path] }
    vars[path] = taint.is(value) and tostring(value) or value
  end
  if #rows > 0 then ui:line("") end
  for _, line in ipairs(table_text(rows)) do ui:line(ui:clean("  " .. line)) end
  ui:event { event = "host", host = host.name, address = host.address, port = host.port, user = host.user,
    groups = json.array(groups_of(host)), vars = vars, origins = origins }
end

return function(opts)
  return command.plain(opts, function(ui)
    local model = inventory.load(inventory.paths(opts),
      { extra = opts.extra, secrets = opts.secrets, placeholder = true })
    for _, warning in ipairs(model.warnings) do ui:err("warning: " .. tostring(warning)) end
    if opts.args[1] then
      show_host(ui, model, opts.args[1], opts.extra)
    elseif opts.graph then
      show_graph(ui, model, inventory.select(model, opts.limit))
    else
      show_list(ui, inventory.select(model, opts.limit))
    end
    ui:event { event = "summary", exit = 0, changes = 0, commit = json.null, hosts = {} }
    return 0
  end)
end
