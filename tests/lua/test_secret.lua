--- neap secret, as people use it: the program itself, in a folder of its own.
local t = require "harness"
local sys = require "neap.core.sys"

local neap = os.getenv("NEAP") or "neap"

local function shell(command)
  local pipe = assert(io.popen(command .. " 2>&1; echo \"exit $?\"", "r"))
  local text = pipe:read("a")
  pipe:close()
  local out, exit = text:match("^(.*)exit (%d+)\n$")
  return out, tonumber(exit)
end

local dir = shell("mktemp -d"):gsub("\n", "")

--- Runs a command line there, as somebody with a folder for a key.
local function as(who, command)
  return shell(("cd %s && env -u NEAP_KEY -u NEAP_KEY_FILE -u NEAP_KEY_COMMAND XDG_CONFIG_HOME=%s/%s PATH='%s':\"$PATH\" sh -c '%s'")
    :format(dir, dir, who, neap:match("^(.*)/"), command))
end

local function works(who, command, wanted)
  local out, exit = as(who, command)
  t.equal(exit, 0, "exit of '" .. command .. "': " .. out)
  if wanted then t.equal(out, wanted) end
  return out
end

local function fails(who, command, pattern)
  local out, exit = as(who, command)
  t.equal(exit, 1, "exit of '" .. command .. "': " .. out)
  t.matches(out, pattern)
end

local function file() return (sys.read_file(dir .. "/secrets.sealed.yml")) end

t.case("without a key, without a file", function()
  fails("alice", "neap secret list", "no 'secrets.sealed.yml' here or above: make one with 'neap secret init'")
  fails("alice", "neap secret init", "no key to open secrets with: make one with 'neap secret keygen'")
  fails("alice", "neap secret frobnicate", "no action 'frobnicate': keygen, public, init")
end)

t.case("a key is made once, for its owner alone", function()
  local out = works("alice", "neap secret keygen 2>/dev/null")
  t.matches(out, "^neap%-pub%-1:[%w+/]+=\n$")
  t.equal(works("alice", "neap secret public"), out)
  t.equal(shell("stat -c %a " .. dir .. "/alice/neap/key"), "600\n")
  fails("alice", "neap secret keygen", "already: it is not written over")
  fails("alice", "NEAP_KEY_FILE=own.key neap secret public", "no key 'own.key' %(NEAP_KEY_FILE%): make it with 'neap secret keygen'")
  works("alice", "NEAP_KEY_FILE=own.key neap secret keygen >made 2>/dev/null && NEAP_KEY_FILE=own.key neap secret public | cmp - made")
end)

t.case("values go in by stdin and come out as they were", function()
  works("alice", "neap secret init 2>/dev/null")
  works("alice", "printf \"hunter2\\n\" | neap secret set db_password 2>/dev/null", "")
  works("alice", "printf \"\\001 line\\n\\n\" | neap secret set odd 2>/dev/null", "")
  works("alice", "neap secret get db_password", "hunter2")
  works("alice", "neap secret get odd", "\1 line\n")
  works("alice", "neap secret list", "db_password\nodd\n")
  t.truthy(not file():find("hunter2"), "it stands there in clear")
  fails("alice", "neap secret get db_pasword", "no secret 'db_pasword' %(did you mean 'db_password'%?%)")
  fails("alice", "printf x | neap secret set a/b", "'a/b' is no name of a secret")
  fails("alice", "printf \"\" | neap secret set empty", "an empty value is no secret")
end)

t.case("setting the same again changes no line, setting another one changes one", function()
  local before = file()
  works("alice", "printf hunter2 | neap secret set db_password 2>/dev/null", "")
  t.equal(file(), before)
  works("alice", "printf hunter3 | neap secret set db_password 2>/dev/null", "")
  local differ = 0
  local old, new = before:gmatch("[^\n]+"), file():gmatch("[^\n]+")
  for line in old do if line ~= new() then differ = differ + 1 end end
  t.equal(differ, 1)
end)

t.case("editing: a file in memory, gone afterwards; what was not changed stays sealed as it was", function()
  local before = file()
  works("alice", "EDITOR=true neap secret edit", "nothing was changed\n")
  t.equal(file(), before)
  t.matches(works("alice", "EDITOR=\"ls -l\" neap secret edit"), "^%-rw%-%-%-%-%-%-%-")
  works("alice", "EDITOR=\"sed -i s/hunter3/ab:c/\" neap secret edit", "sealed\n")
  works("alice", "neap secret get db_password", "ab:c")
  works("alice", "neap secret get odd", "\1 line\n")
  t.equal(file():match('"odd": (%S+)'), before:match('"odd": (%S+)'))
  fails("alice", "EDITOR=false neap secret edit", "'false' ended with 1: nothing was changed")
  fails("alice", "EDITOR=\"sed -i s/db_password:/db_password/\" neap secret edit", "nothing was changed")
  t.equal(shell("ls \"${XDG_RUNTIME_DIR:-/dev/shm}\"/neap.*/ | grep secrets.yml"), "")
end)

t.case("a team: who is let in can read, who is dropped cannot read what comes", function()
  works("bob", "neap secret keygen 2>/dev/null")
  local bob = works("bob", "neap secret public"):gsub("\n", "")
  fails("bob", "neap secret get odd", "not sealed for your key.*neap secret rekey %-%-add NAME=neap%-pub")
  fails("alice", "neap secret rekey --add bob=neap-pub-1:nonsense", "recipient 'bob': 'neap%-pub%-1:nonsense' is no public key")
  works("alice", "neap secret rekey --add bob=" .. bob, nil)
  works("bob", "neap secret get odd", "\1 line\n")
  works("alice", "neap secret rekey --drop bob 2>/dev/null", "")
  works("alice", "printf new | neap secret set later 2>/dev/null", "")
  fails("bob", "neap secret get later", "not sealed for your key")
  fails("alice", "neap secret rekey --drop nobody", "no recipient 'nobody'")
end)

t.case("a recipient that was written in by hand, a value under another name, a damaged file", function()
  local good, path = file(), dir .. "/secrets.sealed.yml"
  local function damaged(text, pattern)
    assert(sys.write_file(path, text))
    fails("alice", "neap secret get later", pattern)
  end
  damaged(good:gsub("secrets:\n", '  "eve":\n    public: x\n    box: y\n%0', 1):gsub("check: %S+\n(.-)secrets:", "%1check: z\nsecrets:", 1),
    "recipients were not written by neap")
  damaged(good:gsub('"later": %S+', '"later": ' .. good:match('"odd": (%S+)')), "secret 'later'")
  damaged(good:gsub("neap: secrets%-1", "neap: secrets-9"), "format 'secrets%-9'")
  damaged("neap: [", "secrets.sealed.yml")
  assert(sys.write_file(path, good))
end)

t.case("the key from the environment and from a command", function()
  works("nobody", "NEAP_KEY_FILE=" .. dir .. "/alice/neap/key neap secret get later", "new")
  works("nobody", "NEAP_KEY_COMMAND=\"cat " .. dir .. "/alice/neap/key\" neap secret get later", "new")
  works("nobody", "NEAP_KEY=\"$(cat " .. dir .. "/alice/neap/key)\" neap secret get later", "new")
  fails("nobody", "NEAP_KEY=nonsense neap secret get later", "NEAP_KEY holds no key of neap")
  fails("nobody", "NEAP_KEY_COMMAND=\"exit 3\" neap secret get later", "'exit 3' exits with 3")
  works("alice", "chmod 644 alice/neap/key")
  fails("alice", "neap secret get later", "open to others %(mode 0644%): chmod 600")
  works("alice", "chmod 600 alice/neap/key")
end)

t.case("a playbook finds its secrets; lint needs no key", function()
  local function write(name, text) assert(sys.write_file(dir .. "/" .. name, text)) end
  write("inventory.lua", 'return { become_password = secret "later", hosts = { n1 = { address = "192.0.2.1" } } }')
  write("site.lua", 'file "/etc/x" { content = "password=" .. secret "db_password" .. "\\n" }')
  works("alice", "neap lint site.lua")
  works("nobody", "neap lint site.lua")
  write("site.lua", 'file "/etc/x" { content = secret "db_pasword" }')
  fails("alice", "neap lint site.lua", "secret 'db_pasword' is not set %(did you mean 'db_password'%?%): run neap secret set db_pasword")
end)

os.execute("rm -rf " .. dir)
