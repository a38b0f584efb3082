--- neap lint: finds what can be found without a host.
local count_of = require "neap.count_of"
local command = require "neap.engine.command"
local lint = require "neap.lint"

local COLOR = { error = "red", warning = "yellow" }

local function show(ui, finding, total)
  local hosts = #finding.hosts > 0 and #finding.hosts < total and " [" .. table.concat(finding.hosts, ", ") .. "]" or ""
  local where = finding.where and finding.where .. ": " or ""
  local severity = ui:paint(COLOR[finding.severity], finding.severity .. ":")
  ui:line(severity .. " " .. ui:clean(where .. finding.message .. hosts))
  ui:event {
    event = "finding", severity = finding.severity, where = finding.where, message = finding.message,
    hosts = require("neap.core.json").array(finding.hosts),
  }
end

return function(opts)
  opts.playbook = opts.args[1]
  return command.plain(opts, function(ui)
    local findings, counts = lint.check(opts)
    local errors = 0
    for _, finding in ipairs(findings) do
      show(ui, finding, counts.hosts)
      if finding.severity == "error" then errors = errors + 1 end
    end
    local exit = errors > 0 and 1 or 0
    ui:line(("%s, %s: %s for %s"):format(count_of(errors, "error"), count_of(#findings - errors, "warning"),
      count_of(counts.files, "file"), count_of(counts.hosts, "host")))
    ui:event { event = "summary", exit = exit, errors = errors, warnings = #findings - errors, hosts = {} }
    return exit
  end)
end
