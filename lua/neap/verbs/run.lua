--- neap run: a command on hosts, side by side; equal answers are folded.
local command = require "neap.engine.command"
local fault = require "neap.engine.fault"
local session = require "neap.engine.session"
local sh = require "neap.sh"
local show = require "neap.engine.show"

local DEFAULT_TIMEOUT_S = 300

-- One word is a shell command line; several are a command and its arguments.
local function script_of(words)
  if #words == 1 then return words[1] end
  local quoted = {}
  for i, word in ipairs(words) do quoted[i] = sh.quote(word) end
  return table.concat(quoted, " ")
end

local function run_on(host, script, timeout_s)
  local reply, message, code = host.conn:request { script = script, timeout_ms = timeout_s * 1000, capture = true }
  if not reply then fault.raise(fault.of_reply(host.conn, code), nil, "%s", message) end
  host.reply = reply
  if reply.rc ~= 0 then host.status = "failed" end
end

local function print_replies(self, ui)
  local order, by_text = {}, {}
  for _, host in ipairs(self.hosts) do
    local reply = host.reply
    if reply then
      ui:event { event = "run", host = host.name, rc = reply.rc, out = reply.out, err = reply.err }
      local text = reply.rc .. "\0" .. reply.out .. "\0" .. reply.err
      if not by_text[text] then
        by_text[text] = { names = {}, reply = reply }
        order[#order + 1] = by_text[text]
      end
      table.insert(by_text[text].names, host.name)
    end
  end
  for _, group in ipairs(order) do
    local head = show.names(group.names)
    if group.reply.rc ~= 0 then head = head .. ": exit status " .. group.reply.rc end
    ui:line(ui:paint(group.reply.rc == 0 and "bold" or "red", head))
    for line in (group.reply.out .. group.reply.err):gmatch("[^\n]+") do ui:line("  " .. ui:clean(line)) end
  end
end

return function(opts)
  if opts.args[1] then opts.limit = { opts.args[1], table.unpack(opts.limit or {}) } end
  return command.over_hosts(opts, function(self, ui)
    if not opts.command then fault.raise("usage", nil, "no command: neap run [PATTERN] -- COMMAND") end
    local script = script_of(opts.command)
    session.connect(self)
    session.each(self, "running", function(host)
      run_on(host, script, opts.command_timeout or DEFAULT_TIMEOUT_S)
    end)
    ui:done()
    print_replies(self, ui)
    session.problems(self)
    local exit = session.exit_code(self, 0)
    session.summary(self, exit, 0)
    return exit
  end)
end
