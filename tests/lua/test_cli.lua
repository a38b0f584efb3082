--- The command line itself, before any verb is at work.
local t = require "harness"

-- What a line of bash says, both streams, and its exit status.
local function shell(line)
  local path = os.tmpname()
  local p = assert(io.popen(("bash -c '%s' >%s 2>&1 </dev/null"):format(line, path)))
  local _, how, status = p:close()
  local f = assert(io.open(path))
  local text = f:read("a")
  f:close()
  os.remove(path)
  return text, how == "exit" and status or how
end

t.case("letters of options may be repeated in one word", function()
  local text, status = shell("$NEAP doc -" .. ("v"):rep(20000) .. " group | head -1")
  t.equal({ text:match("^group"), status }, { "group", 0 })
end)

t.case("what follows a -- is an argument, and not forgotten", function()
  local text, status = shell("$NEAP doc -- group | head -1")
  t.equal({ text:match("^group"), status }, { "group", 0 })
  text, status = shell("$NEAP doc group -- --limit")
  t.equal(status, 1)
  t.matches(text, "too many arguments: %-%-limit")
end)

t.case("a verb that is none: which one was probably meant", function()
  for word, said in pairs { aply = "'aply' (did you mean 'apply'?);", xyzzy = "'xyzzy';", unknown = "'unknown';" } do
    t.equal({ shell("$NEAP " .. word) }, { "neap: unknown verb " .. said .. " see 'neap --help'\n", 1 })
  end
end)

t.case("an option that would do nothing is none", function()
  for _, line in ipairs {
    "show -i x", "diff HEAD -e a=b", "history --offline", "status --offline", "lint -t web site.lua", "inventory -t web",
  } do
    local text, status = shell("$NEAP " .. line)
    t.matches(text, "option")
    t.equal({ line, status }, { line, 1 })
  end
end)

t.case("who stops reading what we say does not end us", function()
  t.equal({ shell("(sleep 0.2; exec $NEAP doc group) | true; echo ${PIPESTATUS[0]}") }, { "0\n", 0 })
end)

-- The empty file that a full disk leaves would pass for an answer.
for _, words in ipairs { "doc group", "secret get pw", "--version", "--help", "doc --json group" } do
  t.case("results that cannot be written end in no 0: " .. words, function()
    local made = "d=$(mktemp -d); trap \"rm -rf $d\" EXIT; cd $d && export HOME=$d && $NEAP secret keygen >/dev/null && "
      .. "$NEAP secret init >/dev/null && echo hunter2 | $NEAP secret set pw >/dev/null && "
    local text, status = shell((words:find("^secret") and made or "") .. "$NEAP " .. words .. " >/dev/full")
    t.matches(text, "No space left on device")
    t.equal(status, 1)
  end)
end

local function key_command(setup, command)
  return shell(setup .. " NEAP_KEY_COMMAND=\"" .. command .. "\" exec $NEAP secret public")
end

t.case("a child is waited for though whoever started us ignores SIGCHLD", function()
  local text, status = key_command("trap \"\" CHLD;", "exit 7")
  t.equal(status, 1)
  t.matches(text, "exits with 7")
end)

t.case("secrets do not get into a core file", function()
  if shell("ulimit -c unlimited && ulimit -c") ~= "unlimited\n" then return end
  local text = key_command("ulimit -c unlimited;", "ulimit -c >&2; exit 7")
  t.matches(text, "^0\n")
end)

t.case("what closed descriptors were is not what we open next", function()
  local path = os.tmpname()
  key_command("exec 0<&- 2>&-;", "readlink /proc/\\$\\$/fd/0 /proc/\\$\\$/fd/2 >" .. path .. "; exit 7")
  local f = assert(io.open(path))
  t.equal(f:read("a"), "/dev/null\n/dev/null\n")
  f:close()
  os.remove(path)
end)
