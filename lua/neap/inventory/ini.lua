--- Inventories in INI, as Ansible reads them.
--     node[1:3] ansible_user=ops       hosts, with variables behind them
--     [web]                            a group's hosts
--     [site:children]                  groups in a group
--     [web:vars]                       variables of a group
local ansible = require "neap.inventory.ansible"
local fault = require "neap.engine.fault"
local near = require "neap.near"

local KINDS = { hosts = true, vars = true, children = true }

local function bare(line)
  line = line:gsub("\r$", "")
  if line:find("^%s*[#;]") then return "" end
  return line:match("^%s*(.-)%s*$")
end

-- The words of a host line; quotes hold blanks together, an unquoted # begins a comment.
local function words_of(line, place)
  local words, at = {}, 1
  while true do
    at = line:find("%S", at)
    if not at or line:sub(at, at) == "#" then return words end
    local word = ""
    while at <= #line and not line:find("^%s", at) do
      local quote = line:match("^[\"']", at)
      if quote then
        local close = line:find(quote, at + 1, true)
        if not close then fault.raise("inventory", place, "a quote %s is not closed", quote) end
        word = word .. line:sub(at + 1, close - 1)
        at = close + 1
      else
        word = word .. line:sub(at, at)
        at = at + 1
      end
    end
    words[#words + 1] = word
  end
end

-- "name:2222" is a name and a port.
local function split_port(word)
  local name, port = word:match("^([^%[%]:]+):(%d+)$")
  if not name then name, port = word:match("^(.*%]):(%d+)$") end
  return name or word, math.tointeger(tonumber(port))
end

local function host_line(model, group, line, at)
  local words = words_of(line, at.place)
  local pattern, port = split_port(words[1])
  local vars = { ansible_port = port }
  for i = 2, #words do
    local name, value = words[i]:match("^([^=]+)=(.*)$")
    if not name then
      fault.raise("inventory", at.place, "'%s' is no name=value; a host name holds no blank", words[i])
    end
    vars[name] = ansible.value(value)
  end
  for _, name in ipairs(ansible.hosts(pattern, at.place)) do
    local host = model:host(name, at.place)
    model:join(host, group)
    ansible.set(model, host, vars, ("%s: host %s"):format(at.path, name), function() return at.place end)
  end
end

local function vars_line(model, group, line, at)
  local name, value = line:match("^([^=%s]+)%s*=%s*(.*)$")
  if not name then fault.raise("inventory", at.place, "'%s' is no name=value", line) end
  value = value:match('^"(.*)"$') or value:match("^'(.*)'$") or ansible.value(value)
  ansible.set(model, group, { [name] = value }, ("%s: group %s"):format(at.path, group.name),
    function() return at.place end)
end

local function section_of(model, line, at)
  local name, kind = line:match("^%[([^%[%]:]+):?(%w*)%]%s*#?.*$")
  if not name then
    fault.raise("inventory", at.place, "'%s' is no section: [group], [group:vars] or [group:children]", line)
  end
  kind = kind == "" and "hosts" or kind
  if not KINDS[kind] then
    fault.raise("inventory", at.place, "no section kind ':%s'%s", kind, near.hint(kind, { "vars", "children" }))
  end
  return model:group(name, at.place), kind
end

--- Reads one inventory into `model`.
-- @param file { path=, text= }
return function(model, file)
  local group, kind, number = model.groups.all, "hosts", 0
  for line in (file.text .. "\n"):gmatch("(.-)\n") do
    number = number + 1
    local at = { path = file.path, place = ("%s:%d"):format(file.path, number) }
    line = bare(line)
    if line:find("^%[") then
      group, kind = section_of(model, line, at)
    elseif line ~= "" and kind == "hosts" then
      host_line(model, group, line, at)
    elseif line ~= "" and kind == "vars" then
      vars_line(model, group, line, at)
    elseif line ~= "" then
      model:adopt(group, model:group(line:match("^(%S+)%s*#?"), at.place))
    end
  end
end
