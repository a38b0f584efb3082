--- Which commit a rollback leads to.

local fault = require "neap.engine.fault"
local hostlock = require "neap.engine.hostlock"
local log = require "neap.engine.log"
local moment = require "neap.engine.moment"
local project = require "neap.engine.project"

local destination = {}

--- The word for what was before the first commit.
destination.GENESIS = "genesis"

--- The revision that is asked for: commit id, or nil for genesis; and how it is called.
function destination.of(st, opts)
  local rev = opts.args[1]
  if rev and opts.before then fault.raise("usage", nil, "both '%s' and --before: one is enough", rev) end
  if opts.before then
    local id = log.before(st, opts.before)
    return id, id:sub(1, 12)
  end
  if not rev then
    fault.raise("usage", nil, "back to where? say a commit, a tag, HEAD~1, \"genesis\" (before neap), or --before TIME")
  end
  if rev == destination.GENESIS then return nil, destination.GENESIS end
  local id = log.resolve(st, rev)
  return id, id:sub(1, 12)
end

-- A commit in words, and as the log has it.
local function told_of(st, id)
  local commit = st:log({ rev = id, max = 1 })[1]
  return ("%s: %s, %s: %s"):format(id:sub(1, 12), moment.text(commit.time), commit.author,
    commit.message:match("^[^\n]*")), commit
end

--- Says where it goes: which run that was.
-- @param id nil for genesis
function destination.tell(session, st, id)
  if not id then return session.ui:line("back to what was there before neap") end
  local text, commit = told_of(st, id)
  session.ui:line(session.ui:clean("back to " .. text))
  session.ui:event { event = "target", commit = id, time = commit.time, author = commit.author }
end

--- Notes the commit that the command line names in the repository as it is here, which is what `neap history` shows.
-- To be called before what others have recorded is fetched.
function destination.note(session)
  local st <close> = project.open(session.opts)
  local rev = session.opts.args[1]
  session.seen = st and rev and rev ~= destination.GENESIS and st:resolve(rev) or nil
end

-- Why a name is another commit now.
local function why_moved(session)
  local reasons = {}
  for _, run in ipairs(session.recovered or {}) do
    reasons[#reasons + 1] = ("the %s of %s, begun %s, that died was recorded first"):format(run.verb or "run",
      run.by or "somebody", hostlock.when(run.time))
  end
  if session.came_in or not reasons[1] then table.insert(reasons, 1, "others' records have come in") end
  return table.concat(reasons, " and ")
end

--- Nobody is taken back to what he has not seen: once others' records have come in, or what a run has left that died
-- was recorded, HEAD~1 is another commit. Raises a fault then; a plan says it, and is shown.
function destination.hold(session, st, id)
  local seen = session.seen
  if not seen or seen == id then return end
  local text = ("'%s' was %s\nand is, since %s, %s\nsee `neap history`, and name the commit: `neap rollback %s` goes "
    .. "to the one that it was"):format(session.opts.args[1], (told_of(st, seen)), why_moved(session),
    (told_of(st, id)), seen:sub(1, 12))
  if session.verb ~= "plan" then fault.raise("stale", nil, "nothing was changed: %s", text) end
  session.ui:err(session.ui:clean(text))
end

return destination
