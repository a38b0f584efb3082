--- Files of saved plans. The first line says what follows: `file`, all of a file, which anybody may have made and which
-- nobody has sealed; or `body`, the text that was sealed, as another version of Neap may have written it.
local crypto = require "neap.core.crypto"
local must = require "must"
local plan = require "neap.engine.plan"
local saved = require "neap.engine.saved"
local show = require "neap.engine.show"
local sys = require "neap.core.sys"
local telling = require "telling"

local key, dir = telling.key()
local HEAD = ('neap-plan-1 {"expires":99999999999,"id":"0123456789abcdef","made":1,"state":"%s/state.git"}'):format(dir)

local text
local read_file = sys.read_file
sys.read_file = function(path)
  if path == "a-plan" then return text end
  return read_file(path)
end

local function follow(told, opts)
  local ui = telling.ui()
  show.plans(saved.plans(told), ui)
  ui.look()
  must(type(opts.limit) == "table" and opts.playbook == told.playbook, "options of no plan")
  local source = saved.source(told) { what = "" }
  for _, name in ipairs(told.names) do
    must(type(name) == "string", "a host without a name")
    local host = { name = name, entry = {}, facts = { machine_id = told.hosts[name].machine_id } }
    plan.host(telling.round(), source(host))
  end
end

return function(input)
  local which, rest = input:match("^(%l+)\n(.*)$")
  if which == "file" then
    text = rest
    local told = telling.try(saved.open, "a-plan", { state = dir .. "/state.git" })
    must(not told, "a plan that nobody has sealed is carried out")
  elseif which == "body" then
    text = HEAD .. "\n" .. crypto.seal(key, rest, HEAD) .. "\n"
    local opts = {}
    local told = telling.try(saved.open, "a-plan", opts)
    if told then telling.try(follow, told, opts) end
  end
end
