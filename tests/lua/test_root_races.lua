-- Who owns a directory may put another thing in its place, or in the place of what is in it, at any moment. Here it is
-- done in the worst one: functions that stand before the script take the place of what the script calls, and do what
-- such a user would, just before it or after.
local t = require "harness"
local Host = require "local_host"
local directory = require "neap.types.directory"
local file = require "neap.types.file"
local kept = require "neap.kept"
local place = require "neap.place"

if not Host.is_root() then return io.stdout:write("skipped: needs root\n") end

local function write(dir)
  return file.steps(dir .. "/d/f", { kind = "create", differs = {}, to = { content = "x\n", owner = "1" } })[1]
end

local function give(dir)
  return directory.steps(dir .. "/d", {
    kind = "update", differs = { mode = true }, from = { mode = "0700" }, to = { mode = "0750", owner = "1" },
  })[1]
end

local function give_file(dir)
  return file.steps(dir .. "/d/f", {
    kind = "update", differs = { mode = true }, from = { mode = "0600", content = "x\n" },
    to = { mode = "0640", owner = "1", content = "x\n" },
  })[1]
end

local function bring_back(dir)
  return { run = place.at(dir .. "/d/.") .. kept.bring_back(dir .. "/d", { "f" }) }
end

-- A link that is there whenever the directory is entered by its name, and gone again when somebody looks.
local LINK = [[
cd() {
  case $* in *d) mv "$T/d" "$T/was"; ln -s victim "$T/d"; chown -h 1 "$T/d" ;; esac
  command cd "$@"; r=$?
  [ ! -h "$T/d" ] || { rm "$T/d"; mv "$T/was" "$T/d"; }
  return $r
}
]]
-- The same with a link that is root's, and was put there by who owns the directory above.
local ROOTS_LINK = "chown 1 \"$T\"; mv \"$T/d\" \"$T/was\"; ln -s victim \"$T/d\"\n"
-- A directory stands in the way of the first move, and a link in the way of a second.
local MOVE = [[
moves=0
mv() {
  moves=$((moves + 1))
  case $moves in 1) mkdir "$T/d/f" ;; 2) ln -s ../victim "$T/d/f" ;; esac
  command mv "$@"; r=$?
  rmdir "$T/d/f" 2>/dev/null
  return $r
}
]]
-- A link to a directory, just before the move.
local PLANT = "mv() { ln -sfn ../victim \"$T/d/f\"; command mv \"$@\"; }\n"
-- A directory of root's in which others may write, in the place of the one that was just made.
local SHARED = [[
mkdir -m 777 "$T/d/shared"
mktemp() { m=$(command mktemp "$@"); rmdir "$m"; command mv "$T/d/shared" "$m"; echo "$m"; }
]]
-- A directory of root's with something in it, likewise.
local FULL = [[
mkdir -m 700 "$T/d/full"; echo keep >"$T/d/full/f"
mktemp() { m=$(command mktemp "$@"); rmdir "$m"; command mv "$T/d/full" "$m"; echo "$m"; }
]]
-- A file of root's in the place of the one that is to be given to somebody.
local OTHER = [[
echo x >"$T/d/f"; (umask 077; echo keep >"$T/d/g")
ln() { command mv "$T/d/g" "$T/d/f"; command ln "$@"; }
]]

-- { what he does, step, how it ends, what is then found of the victim and in d }
local cases = {
  { "enters by a link that comes and goes", LINK, write, "moved while it was looked at", "0 755:" },
  { "gives away by such a link", LINK, give, "moved while it was looked at", "0 755:" },
  { "enters by a link of root's that was moved there", ROOTS_LINK, write, "others may put another", "0 755:" },
  { "puts a link in the way of a second move", MOVE, write, "cannot put 'f' into its place", "0 755:" },
  { "puts a link in the way of the move", PLANT, write, nil, "0 755:f" },
  { "exchanges the directory that is ours", SHARED, write, "was taken away", nil },
  { "exchanges it for a full one", FULL, write, "was taken away", nil, "keep" },
  { "exchanges the file that he is to get", OTHER, give_file, "is not what the plan saw", "0 755:f", "keep" },
  { "puts a link in the way of what comes back", PLANT, bring_back, nil, "0 755:f" },
}

for _, shell in ipairs(Host.shells()) do
  for _, case in ipairs(cases) do
    t.case(("%s (%s)"):format(case[1], shell), function()
      local host <close> = setmetatable(Host.new { shell = shell }, { __index = Host, __close = Host.close })
      kept.DIR = host.top .. "/kept"
      local store = kept.place(host.dir .. "/d")
      host:sh(("mkdir d victim; chown 1 d; mkdir -p '%s'; echo kept >'%s/f'"):format(store, store))
      local step = case[3](host.dir)
      local r = host:request { script = ("T='%s'\n%s"):format(host.dir, case[2]) .. step.run, stdin = step.stdin }
      if case[4] then
        t.matches(r.err, case[4])
        t.truthy(r.rc ~= 0, "an error")
      else
        t.equal(r.rc, 0, r.err)
      end
      host:sh("[ ! -h d ] || { rm d; mv was d; }")
      t.equal(host:sh("ls -A victim"), "", "what is in the directory of another")
      if case[5] then t.equal(host:sh("echo $(stat -c '%u %a' victim):$(ls -A d)"), case[5]) end
      if case[6] then t.equal(host:sh("find d -user 0 -type f -exec cat {} +"), case[6]) end
    end)
  end
end
