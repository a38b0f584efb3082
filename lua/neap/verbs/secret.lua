--- neap secret ACTION [NAME]: the secrets of a project, in a file that may be shown to everybody.
local command = require "neap.engine.command"
local fault = require "neap.engine.fault"
local keys = require "neap.engine.keys"
local pair = require "neap.core.pair"
local plain = require "neap.plain"
local private = require "neap.core.private"
local Sealed = require "neap.engine.sealed"
local sys = require "neap.core.sys"
local taint = require "neap.core.taint"
local yaml = require "neap.core.yaml"

local actions = {}

local PRIVATE_DIR = 448 -- 0700

local function usage(fmt, ...) fault.raise("usage", nil, fmt, ...) end

local function must(value, message, code)
  if value == nil then fault.raise(code == "interrupted" and code or "usage", nil, "%s", message) end
  return value
end

local function file_of(opts)
  return opts.file or Sealed.find(".") or usage("there is no '%s' here or above: make one with 'neap secret init'",
    Sealed.NAME)
end

local function opened(opts) return Sealed.read(file_of(opts)):open(keys.need()) end

local function name_of(opts)
  local name = opts.args[2] or usage("neap secret %s wants the NAME of a secret", opts.args[1])
  Sealed.check_name(name)
  return name
end

-- The folders of the default place are made.
local function make_folders(path)
  local dir = path:match("^(.*)/[^/]*$")
  if not dir or dir == "" or sys.stat(dir) then return end
  make_folders(dir)
  sys.mkdir(dir, PRIVATE_DIR)
end

function actions.keygen(opts, ui)
  local path = opts.args[2] or keys.own_path()
  make_folders(path)
  local own = pair.new()
  must(pair.save(own, path))
  ui:err(("a new key in '%s': keep it, and keep it to yourself; its public half, for colleagues:"):format(path))
  ui:line(pair.public(own))
end

function actions.public(_, ui) ui:line(pair.public(keys.need())) end

function actions.init(opts, ui)
  local path = opts.file or Sealed.NAME
  if sys.stat(path) then usage("there is a file '%s' already", path) end
  local recipients = opts.add or {}
  local operator = sys.operator()
  recipients[operator:gsub("[^%w_.-]", "-")] = pair.public(keys.need())
  Sealed.new(path, recipients):write()
  ui:err(("'%s' is made; it may be shown to everybody, and belongs into git"):format(path))
end

-- Typed twice without echo, or all of standard input without its last newline.
local function ask_value(name)
  if not sys.isatty(0) then
    local text = must(private.input(name))
    local clear = taint.reveal(text)
    return clear:sub(-1) == "\n" and taint.new(clear:sub(1, -2), name) or text
  end
  local value = must(private.prompt(("value of '%s': "):format(name), name))
  if not taint.equal(value, must(private.prompt("the same again: ", name))) then usage("these were not the same") end
  return value
end

function actions.set(opts, ui)
  local name, file = name_of(opts), opened(opts)
  local value = ask_value(name)
  if taint.length(value) == 0 then usage("an empty value is no secret; 'neap secret remove %s' takes it away", name) end
  file:set(name, value)
  file:write()
  ui:err(("'%s' is set"):format(name))
end

local function unknown(file, name)
  usage("there is no secret '%s'%s", name, require("neap.near").hint(name, file.values))
end

function actions.get(opts, ui)
  local name, file = name_of(opts), opened(opts)
  local value = file:get(name) or unknown(file, name)
  ui:bytes(taint.reveal(value) .. (sys.isatty(1) and "\n" or ""))
end

function actions.remove(opts, ui)
  local name, file = name_of(opts), opened(opts)
  if not file.values[name] then unknown(file, name) end
  file.values[name] = nil
  file:write()
  ui:err(("'%s' is gone from the file; who has an older one still has it: change it where it is used"):format(name))
end

-- Needs no key: names and recipients are for everybody.
function actions.list(opts, ui)
  local file = Sealed.read(file_of(opts))
  for _, name in ipairs(file:names()) do ui:line(ui:clean(name)) end
  ui:detail("recipients: " .. table.concat(file:recipient_names(), ", "))
  ui:event { event = "secrets", names = file:names(), recipients = file:recipient_names() }
end

function actions.rekey(opts, ui)
  local file = opened(opts)
  file:rekey(opts.add or {}, opts.drop or {})
  file:write()
  ui:err("sealed anew for " .. table.concat(file:recipient_names(), ", "))
  if opts.drop then ui:err("who was dropped has seen the old values: change them, too") end
end

-- ---- edit ----

local function as_yaml(name, text)
  if text:find("^[%w_./@:=+-]+$") and not text:find("^[%d.+-]") and not text:find(":$") then
    return ("%s: '%s'"):format(name, text)
  end
  if text:find("\n") and not text:find("[^\n\t -~]") and text:sub(-1) == "\n" and not text:find("^[ \n]") then
    return ("%s: |\n  %s"):format(name, (text:sub(1, -2):gsub("\n", "\n  ")))
  end
  return ("%s: %s"):format(name, require("neap.core.json").encode(text))
end

local function write_out(file)
  local lines = { "# name: value, in YAML. What is taken away here is taken out of the file." }
  for _, name in ipairs(file:names()) do lines[#lines + 1] = as_yaml(name, taint.reveal(file:get(name))) end
  return taint.wrap(table.concat(lines, "\n") .. "\n", "secrets")
end

local function edited(before)
  local editor = sys.getenv("VISUAL") or sys.getenv("EDITOR") or "vi"
  local dir = must(private.scratch())
  local path = dir .. "/secrets.yml"
  local ok, result = pcall(function()
    must(private.save(path, before))
    local status = must(private.run(editor .. ' "$1"', path))
    if status ~= 0 then usage("'%s' ended with %d: nothing was changed", editor, status) end
    return must(private.load(path, "secrets"))
  end)
  private.wipe(dir)
  if not ok then error(result, 0) end
  return result
end

local function read_back(text)
  local values, message = yaml.decode(taint.reveal(text), "secrets.yml")
  if values == nil and not message then return {} end
  if type(values) ~= "table" then usage("%s: nothing was changed", message or "secrets.yml: wants name: value") end
  values = plain(values)
  for name, value in pairs(values) do
    if type(name) ~= "string" then usage("'%s' is no name of a secret: nothing was changed", tostring(name)) end
    Sealed.check_name(name)
    if type(value) ~= "string" or value == "" then
      usage("secret '%s' wants a text, in quotes where it looks like a number: nothing was changed", name)
    end
  end
  return values
end

function actions.edit(opts, ui)
  local file = opened(opts)
  local before = write_out(file)
  local after = edited(before)
  if taint.equal(before, after) then
    ui:err("nothing was changed")
    return
  end
  local values = read_back(after)
  for _, name in ipairs(file:names()) do
    if not values[name] then file.values[name] = nil end
  end
  for name, value in pairs(values) do file:set(name, taint.new(value, name)) end
  file:write()
  ui:err("sealed")
end

return function(opts)
  return command.plain(opts, function(ui)
    local action = actions[opts.args[1]]
    if not action then
      usage("no action '%s': keygen, public, init, set, get, edit, list, remove or rekey", opts.args[1])
    end
    return action(opts, ui)
  end)
end
