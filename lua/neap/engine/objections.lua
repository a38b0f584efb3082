--- What stands against a way back to a recorded state, found while planning:
-- what types remark (barriers, what cannot be had again) and what others have
-- changed on the hosts since. It is told, and stops a run before it begins.

local conflicts = require "neap.engine.conflicts"
local fault = require "neap.engine.fault"
local show = require "neap.engine.show"

local objections = {}

-- What is said of resources of all hosts: { { kind, text, data, hosts } … },
-- equal ones of several hosts folded.
local function remarks_of(self)
  local list, by_text = {}, {}
  for _, host in ipairs(self.hosts) do
    for _, remark in ipairs(host.plan and host.plan.remarks or {}) do
      local key = remark.kind .. "\0" .. remark.id .. "\0" .. remark.text
      if not by_text[key] then
        by_text[key] = { kind = remark.kind, id = remark.id, text = remark.text, data = remark.data, hosts = {} }
        list[#list + 1] = by_text[key]
      end
      table.insert(by_text[key].hosts, host.name)
      self.ui:event {
        event = "remark", kind = remark.kind, host = host.name, id = remark.id, message = remark.text,
        data = remark.data,
      }
    end
  end
  return list
end

local function is_crossed(opts, remark)
  if remark.data then return opts.allow_data_loss end
  return opts.allow_barriers
end

local WORDS = {
  barrier = { "barrier", "yellow" }, archive = { "needs an archive", "red" }, impossible = { "impossible", "red" },
  stays = { "stays", "cyan" }, note = { "note", "dim" },
}

local function tell_remarks(self)
  for _, remark in ipairs(self.remarks) do
    local word, color = table.unpack(WORDS[remark.kind])
    if remark.kind == "barrier" and is_crossed(self.opts, remark) then word = "barrier, crossed" end
    self.ui:line(string.format("%s %s: %s  %s", self.ui:paint(color, word .. ":"), self.ui:clean(remark.id),
      self.ui:clean(remark.text), self.ui:paint("dim", show.names(remark.hosts))))
  end
end

-- Conflicts about what the plan would change.
local function conflicts_of(self)
  local list = {}
  for _, host in ipairs(self.hosts) do
    for _, conflict in ipairs(host.conflicts or {}) do
      local concerned = conflict.settled or conflict.blocks or host.plan and host.plan.changed[conflict.id]
      if concerned then list[#list + 1] = { host = host.name, conflict = conflict } end
    end
  end
  return list
end

local function tell_conflicts(self)
  for _, one in ipairs(self.conflicts) do
    local lines = conflicts.lines(one.conflict)
    local settled = one.conflict.settled
    local word = self.ui:paint(settled and "cyan" or "red", settled and "theirs:" or "conflict:")
    self.ui:line(word .. " " .. self.ui:clean(lines[1].text) .. "  " .. self.ui:paint("dim", one.host))
    for i = 2, #lines do self.ui:line(self.ui:clean(lines[i].text)) end
    self.ui:event(conflicts.event(one.host, one.conflict))
  end
end

--- Tells them; `remarks` and `conflicts` are noted on the session.
function objections.told(self)
  self.remarks, self.conflicts = remarks_of(self), conflicts_of(self)
  tell_remarks(self)
  tell_conflicts(self)
end

local function stop_at(what, remark, remedy)
  fault.raise("stale", nil, "nothing was changed: %s is %s: %s%s", remark.id, what, remark.text, remedy)
end

local function stop_at_remarks(self)
  for _, remark in ipairs(self.remarks) do
    if remark.kind == "impossible" then stop_at("impossible to bring back", remark, "") end
    if remark.kind == "archive" then stop_at("not to be had now", remark, "") end
    if remark.kind == "barrier" and not is_crossed(self.opts, remark) then
      stop_at("a barrier", remark, remark.data and "; --allow-data-loss crosses it" or "; --allow-barriers crosses it")
    end
  end
end

--- Raises a fault where one of them is not lifted by an option.
function objections.stop(self)
  stop_at_remarks(self)
  for _, one in ipairs(self.conflicts) do
    if not one.conflict.settled then
      fault.raise("stale", one.host, "nothing was changed: %s; %s", conflicts.lines(one.conflict)[1].text,
        conflicts.remedy(one.conflict))
    end
  end
end

--- Raises a fault where the options contradict each other.
function objections.check(opts)
  if opts.ours and opts.theirs then fault.raise("usage", nil, "--ours and --theirs: one of them wins") end
end

return objections
