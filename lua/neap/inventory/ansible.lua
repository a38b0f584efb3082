--- What Ansible's inventories say in their own words: connection settings by variable, ranges of hosts, values in text.
local fault = require "neap.engine.fault"
local Model = require "neap.inventory.model"
local near = require "neap.near"
local place_of = require "neap.inventory.place"
local plain = require "neap.plain"

local ansible = {}

local SETTINGS = {
  ansible_host = "address", ansible_ssh_host = "address", ansible_port = "port", ansible_ssh_port = "port",
  ansible_user = "user", ansible_ssh_user = "user", ansible_password = "password", ansible_ssh_pass = "password",
  ansible_ssh_private_key_file = "private_key", ansible_private_key_file = "private_key", ansible_become = "become",
  ansible_become_user = "become_user", ansible_become_password = "become_password",
  ansible_become_pass = "become_password",
}

-- Settings of Ansible that mean nothing here: a host needs no Python, and is reached by ssh.
local IGNORED = {
  ansible_connection = true, ansible_python_interpreter = true, ansible_become_method = true,
  ansible_become_flags = true, ansible_ssh_common_args = true, ansible_ssh_extra_args = true, ansible_shell_type = true,
  ansible_shell_executable = true, ansible_ssh_pipelining = true, ansible_network_os = true, ansible_ssh_args = true,
}

-- Of these, what somebody may have counted on: a value that means the same here, and what to do else.
local ARGS = { remedy = "what it says belongs into ~/.ssh/config, which is read" }
local MISSED = {
  ansible_ssh_common_args = ARGS, ansible_ssh_extra_args = ARGS, ansible_ssh_args = ARGS,
  ansible_connection = { fine = { ssh = true, smart = true, paramiko = true }, remedy = "hosts are reached by ssh" },
  ansible_become_method = { fine = { sudo = true }, remedy = "become is by sudo" },
}

local function warn_of_missed(model, name, value, where)
  local missed = MISSED[name]
  if not missed or value == "" or missed.fine and missed.fine[value] then return end
  model:warn(where, "'%s' is not read: %s", name, missed.remedy)
end

local YES = { yes = true, ["true"] = true, ["True"] = true, on = true, ["1"] = true }
local NO = { no = true, ["false"] = true, ["False"] = true, off = true, ["0"] = true }

local function as_setting(name, value)
  local wanted = Model.CONNECTION[name]
  if wanted == "boolean" and type(value) ~= "boolean" then
    if YES[tostring(value)] then return true end
    if NO[tostring(value)] then return false end
  end
  if wanted == "integer" then return math.tointeger(tonumber(value)) or value end
  if (wanted == "string" or wanted == "secret") and math.type(value) == "integer" then return tostring(value) end
  return value
end

local function has_jinja(value)
  if type(value) ~= "table" then return type(value) == "string" and value:find("{{.-}}") ~= nil end
  for _, member in pairs(value) do
    if has_jinja(member) then return true end
  end
  return false
end

--- Adds variables to a host or group; those that say how to connect become settings.
-- @param place function(name) -> "file:line"
function ansible.set(model, object, vars, label, place)
  local rest = {}
  for name, value in pairs(plain(vars)) do
    if has_jinja(value) then model:warn(place(name), "'%s': {{ … }} is text here: no expressions are read", name) end
    local setting = SETTINGS[name]
    if setting then
      model:connect(object, setting, as_setting(setting, value), function() return place(name) end)
    elseif type(name) == "string" and name:find("^ansible_") and not IGNORED[name] then
      local hint = near.hint(name, SETTINGS)
      if hint ~= "" then fault.raise("inventory", place(name), "no setting '%s'%s", name, hint) end
      rest[name] = value
    elseif not IGNORED[name] then
      rest[name] = value
    else
      warn_of_missed(model, name, value, place(name))
    end
  end
  model:set(object, rest, label, place)
end

local function counted(first, last, step)
  local list, fmt = {}, first:find("^0%d") and "%0" .. #first .. "d" or "%d"
  for n = math.tointeger(tonumber(first)), math.tointeger(tonumber(last)), step do list[#list + 1] = fmt:format(n) end
  return list
end

local function lettered(first, last, step)
  local list = {}
  for byte = first:byte(), last:byte(), step do list[#list + 1] = string.char(byte) end
  return list
end

local MOST, DIGITS_MOST = 65536, 15

local function is_number(text) return text:find("^%d+$") and #text <= DIGITS_MOST end

-- What a range stands for, or nil where it is none.
local function members(inside)
  local first, last, step = inside:match("^(%w+):(%w+):?(%d*)$")
  step = first and #step <= DIGITS_MOST and math.tointeger(tonumber(step)) or 1
  if not first or step == 0 then return nil end
  local list
  if is_number(first) and is_number(last) and tonumber(last) - tonumber(first) < MOST then
    list = counted(first, last, step)
  elseif first:find("^%a$") and last:find("^%a$") then
    list = lettered(first, last, step)
  end
  return list and list[1] and list
end

-- A pattern in pieces, each a list of texts of which one stands there; none is joined before it is known how many
-- hosts they make.
local function pieces_of(pattern, place)
  local pieces, count, at = {}, 1, 1
  while true do
    local from, to, inside = pattern:find("%[([^%]]*)%]", at)
    pieces[#pieces + 1] = { pattern:sub(at, (from or 0) - 1) }
    if not from then return pieces end
    local list = members(inside)
    if not list then
      fault.raise("inventory", place_of.text(place), "'%s' is no range of hosts: node[1:3], node[01:12] or node[a:c]",
        pattern)
    end
    count = count * #list
    if count > MOST then
      fault.raise("inventory", place_of.text(place), "'%s' are more than %d hosts", pattern, MOST)
    end
    pieces[#pieces + 1], at = list, to + 1
  end
end

--- The names that a pattern of hosts stands for: node[1:3], db-[a:c], x[01:10:2].
function ansible.hosts(pattern, place)
  local names = { "" }
  for _, piece in ipairs(pieces_of(pattern, place)) do
    local longer = {}
    for _, name in ipairs(names) do
      for _, part in ipairs(piece) do longer[#longer + 1] = name .. part end
    end
    names = longer
  end
  return names
end

--- A value as INI writes it: numbers, True and False, lists and tables in brackets; else the text.
function ansible.value(text)
  if text:find("^-?[1-9]%d*$") or text == "0" then return math.tointeger(tonumber(text)) or text end
  if text:find("^-?%d+%.%d+$") then return tonumber(text) end
  if text == "True" or text == "true" then return true end
  if text == "False" or text == "false" then return false end
  if text:find("^[%[{]") then
    local value = require("neap.core.json").decode((text:gsub("'", '"')))
    if value ~= nil then return plain(value) end
  end
  return text
end

return ansible
