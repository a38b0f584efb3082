-- Things at a path (file, directory, symlink), on a real file system under
-- each shell that a host may have: what is wanted is what is found after,
-- a second run finds nothing to do, and broken states end well.
local t = require "harness"
local taint = require "neap.core.taint"
local types = require "types_run"

-- A file with an ACL that lets `nobody` in, and an extended attribute; and what is left of them.
local GIVEN = [[echo a >f; chmod 660 f; python3 -c 'import os, struct
entries = (1, 6, -1), (2, 4, int(os.popen("id -u nobody").read())), (4, 4, -1), (16, 6, -1), (32, 0, -1)
os.setxattr("f", "system.posix_acl_access", struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *e) for e in entries))
os.setxattr("f", "user.note", b"ours")']]
local CAPABLE = [[python3 -c 'import os
os.setxattr("f", "security.capability", bytes.fromhex("0000000200040000000000000000000000000000"))']]
local SEEN = [[python3 -c 'import os
there = os.listxattr("f")
print(*["kept" if name in there else "none" for name in ("system.posix_acl_access", "user.note")],
  oct(os.stat("f").st_mode)[-3:], open("f").read().strip())']]

-- { name, what stands there before (shell), resources, what a shell sees after or the error }
local cases = {
  { "file: a new one", "", { file = { "f", { content = "hello\n", mode = "0640" } } },
    "stat -c %a f; cat f", "640\nhello" },
  { "file: default mode", "", { file = { "f", { content = "x" } } }, "stat -c %a:%U:%G f", "644:root:root" },
  { "file: a secret is 0600 by default", "", { file = { "f", { content = taint.wrap("hush", "s") } } },
    "stat -c %a f; cat f", "600\nhush" },
  { "file: content of any bytes", "", { file = { "f", { content = "a\0b\r\n\255\n\n" } } },
    "od -An -tx1 f", " 61 00 62 0d 0a ff 0a 0a" },
  { "file: empty", "echo old >f", { file = { "f", { content = "" } } }, "wc -c <f", "0" },
  { "file: a name with all sorts", "", { file = { "-a b'c$(x)\\", { content = "y" } } }, "ls", "-a b'c$(x)\\" },
  { "file: other content keeps mode and owner", "echo a >f; chown 1:2 f; chmod 4711 f",
    { file = { "f", { content = "b\n" } } }, "stat -c %a:%u:%g f; cat f", "4711:1:2\nb" },
  { "file: mode and owner alone leave the content and the inode", "echo a >f; stat -c %i f >i",
    { file = { "f", { mode = "0600", owner = "1", group = "2" } } },
    "stat -c %i f | cmp - i; stat -c %a:%u:%g f; cat f", "600:1:2\na" },
  { "file: other content keeps ACL and extended attributes", GIVEN,
    { file = { "f", { content = "b\n", mode = "0640" } } }, SEEN, "kept kept 640 b" },
  { "file: they stay where its owner is said to be who he is", GIVEN,
    { file = { "f", { content = "b\n", owner = "root" } } }, SEEN, "kept kept 660 b" },
  { "file: a narrower mode narrows the ACL", GIVEN, { file = { "f", { content = "b\n", mode = "0600" } } },
    SEEN .. "; ! su nobody -s /bin/sh -c 'cat f' 2>/dev/null && echo closed", "kept kept 600 b\nclosed" },
  { "file: another owner's are not taken over", GIVEN .. "; chown 1 f",
    { file = { "f", { content = "b\n", owner = "root", mode = "0640" } } }, SEEN, "none none 640 b" },
  { "file: nobody's capabilities come to what is new", GIVEN .. "; " .. CAPABLE,
    { file = { "f", { content = "b\n" } } }, SEEN .. [[; python3 -c 'import os; print(len(os.listxattr("f")))']],
    "kept kept 660 b\n2" },
  { "file: one whose name is in the way", GIVEN .. "; mv f old", { file = { "old", { content = "b\n" } } },
    "ln old f; " .. SEEN, "kept kept 660 b" },
  { "file: names an owner", "", { file = { "f", { content = "b", owner = "nobody", group = "daemon" } } },
    "stat -c %U:%G f", "nobody:daemon" },
  { "file: without content is made empty", "", { file = { "f", { mode = "0600" } } }, "stat -c %a:%s f", "600:0" },
  { "file: an unknown owner", "", { file = { "f", { content = "b", owner = "no-such" } } }, error = "no%-such" },
  { "file: nothing is left of a failed one", "",
    { file = { "f", { content = "b", owner = "no-such" } } },
    "ls -A", "", error = "no%-such" },
  { "file: validated under its own name", "",
    { file = { "f.conf", { content = "good", validate = "case %s in *.conf) grep -q good %s;; *) false; esac" } } },
    "cat f.conf", "good" },
  { "file: refused by its validation", "echo old >f",
    { file = { "f", { content = "bad", validate = "echo 'line 1 is bad'; grep -q good %s" } } },
    "ls -A; cat f", "f\nold", error = "refused it" },
  { "file: a directory stands there", "mkdir f", { file = { "f", { content = "x" } } }, error = "is a directory" },
  { "file: a directory, by force", "mkdir f", { file = { "f", { content = "x", force = true } } }, "cat f", "x" },
  { "file: a full directory even by force", "mkdir f; touch f/x",
    { file = { "f", { content = "x", force = true } } }, "ls f", "x", error = "not empty" },
  { "file: a dangling link stands there", "ln -s nowhere f", { file = { "f", { content = "x" } } },
    error = "is a symbolic link" },
  { "file: a full directory is found in the plan", "mkdir f; touch f/x",
    { { "file", "g", { content = "x" } }, { "file", "f", { content = "x", force = true } } }, "ls", "f",
    error = "is a directory that is not empty %(x%), and only an empty one is replaced" },
  { "symlink: a full directory is found in the plan", "mkdir f; touch f/x",
    { { "file", "g", { content = "x" } }, { "symlink", "f", { to = "x", force = true } } }, "ls", "f", error = "not empty" },
  { "file: a directory that is emptied before", "mkdir f; touch f/x",
    { { "file", "f/x", absent = true }, { "file", "f", { content = "x", force = true } } }, "cat f", "x", once = true },
  { "file: a link, by force, and its target is left alone", "echo t >t; ln -s t f",
    { file = { "f", { content = "x", force = true } } }, "cat t; stat -c %F f", "t\nregular file" },
  { "file: a pipe stands there", "mkfifo f", { file = { "f", { content = "x" } } }, error = "is a device, pipe" },
  { "file: its directory is missing", "", { file = { "no/f", { content = "x" } } },
    error = "no' does not exist and no resource makes it" },
  { "file: its directory is a file", "touch no", { file = { "no/f", { content = "x" } } }, error = "is no directory" },
  { "file: in a directory that is made before", "",
    { { "directory", "d", { mode = "0750" } }, { "file", "d/f", { content = "x" } } },
    "stat -c %a d; cat d/f", "750\nx" },
  { "file: in a directory that replaces a file", "touch d",
    { { "directory", "d", { force = true } }, { "file", "d/f", { content = "x" } } }, "cat d/f", "x" },
  { "file: a directory reached through root's link", "mkdir real; ln -s real d",
    { file = { "d/f", { content = "x" } } }, "cat real/f", "x" },
  { "file: a directory reached through a stranger's link", "mkdir real; ln -s real d; chown -h 1 d",
    { file = { "d/f", { content = "x" } } }, "ls -A real", "", error = "link of user 1" },
  { "absent.file", "echo x >f", { { "file", "f", absent = true } }, "ls -A", "" },
  { "absent.file: a link", "ln -s x f", { { "file", "f", absent = true } }, "ls -A", "" },
  { "absent.file: a directory", "mkdir f", { { "file", "f", absent = true } }, error = "use absent.directory" },
  { "absent.file: nothing there, not even the directory", "", { { "file", "no/f", absent = true } }, "ls -A", "",
    nothing = true },

  { "directory: a new one", "", { directory = { "d", { mode = "2770", owner = "1", group = "2" } } },
    "stat -c %a:%u:%g d", "2770:1:2" },
  { "directory: a wrong mode", "mkdir -m 700 d; touch d/x", { directory = { "d", { mode = "0755" } } },
    "stat -c %a d; ls d", "755\nx" },
  { "directory: a mode without the set-group-ID bit that it has", "mkdir -m 2775 d", { directory = { "d", { mode = "0755" } } },
    "stat -c %a d", "755" },
  { "directory: a new one in one that gives its group on", "mkdir -m 2775 d",
    { { "directory", "d", {} }, { "directory", "d/e", { mode = "0750" } } }, "stat -c %a d d/e", "2775\n750" },
  { "directory: a file stands there", "touch d", { directory = { "d", {} } }, error = "is a file, not a directory" },
  { "directory: a link, by force", "ln -s x d", { directory = { "d", { force = true } } },
    "stat -c %F d", "directory" },
  { "directory: what it replaces is kept, with all that it has", GIVEN .. "; mv f d",
    { directory = { "d", { force = true } } }, "stat -c %F d; mv ../kept/*/d f; " .. SEEN, "directory\nkept kept 660 a" },
  { "directory: so is a pipe, in the place of what was kept before", "mkfifo -m 640 d; set -- ../kept/$(pwd | sed s,/,%2F,g)/d; mkdir -p $1/x",
    { directory = { "d", { force = true } } }, "stat -c '%F %a' ../kept/*/d", "fifo 640" },
  { "directory: purge", "mkdir -p d/gone/deep; touch d/kept d/-gone d/.gone",
    { { "directory", "d", { purge = true } }, { "file", "d/kept", { mode = "0600" } } }, "ls -A d", "kept" },
  { "absent.directory", "mkdir d", { { "directory", "d", absent = true } }, "ls -A", "" },
  { "absent.directory: a full one", "mkdir d; touch d/x", { { "directory", "d", absent = true } }, "ls d", "x",
    error = "not empty" },
  { "absent.directory: a full one is found in the plan", "mkdir d; touch d/x",
    { { "file", "f", { content = "x" } }, { "directory", "d", absent = true } }, "ls", "d",
    error = "is not empty %(x%): say force = true" },
  { "absent.directory: one that is emptied before", "mkdir d; touch d/x",
    { { "file", "d/x", absent = true }, { "directory", "d", absent = true } }, "ls -A", "" },
  { "absent.directory: a file is found in the plan", "touch d",
    { { "file", "f", { content = "x" } }, { "directory", "d", absent = true } }, "ls", "d", error = "use absent.file" },
  { "absent.symlink: a file is found in the plan", "touch l",
    { { "file", "f", { content = "x" } }, { "symlink", "l", absent = true } }, "ls", "l", error = "use absent.file" },
  { "absent.directory: a full one, by force", "mkdir d; touch d/x",
    { { "directory", "d", { force = true }, absent = true } }, "ls -A", "" },

  { "symlink: a new one", "", { symlink = { "l", { to = "some where" } } }, "readlink l", "some where" },
  { "symlink: another target", "mkdir d; ln -s d l", { symlink = { "l", { to = "/nowhere" } } },
    "readlink l; ls -A d", "/nowhere" },
  { "symlink: a file stands there", "touch l", { symlink = { "l", { to = "x" } } }, error = "is a file, not a symb" },
  { "symlink: a file, by force", "touch l", { symlink = { "l", { to = "x", force = true } } }, "readlink l", "x" },
  { "symlink: a directory, by force", "mkdir l", { symlink = { "l", { to = "x", force = true } } }, "readlink l", "x" },
  { "absent.symlink", "ln -s 'a\nb' l", { { "symlink", "l", absent = true } }, "ls -A", "" },
  { "absent.symlink: a file", "touch l", { { "symlink", "l", absent = true } }, "ls -A", "l",
    error = "use absent.file" },
}

types.all(t, cases)

local Host = require "local_host"
local file, directory, symlink = require "neap.types.file", require "neap.types.directory", require "neap.types.symlink"

-- The host moves between the plan and the step: { name, setup, step, status, what a shell sees after }.
local function moved(path)
  local gone = { kind = "delete", from = { content = "seen\n", mode = "0644" }, differs = {} }
  local new = { kind = "create", to = { content = "new\n" }, differs = {} }
  return {
    { "a file to be removed has other content", "echo other >f", file.steps(path .. "/f", gone), 75, "other" },
    { "a file to be removed is a link now", "echo seen >t; ln -s t f", file.steps(path .. "/f", gone), 75, "seen" },
    { "a file to be removed is gone", "", file.steps(path .. "/f", gone), 0, "" },
    { "a new file is there by now", "echo other >f", file.steps(path .. "/f", new), 75, "other" },
    { "a new file's place is a link now", "echo other >t; ln -s t f", file.steps(path .. "/f", new), 75, "other" },
    { "a new file's place is a directory now", "mkdir f", file.steps(path .. "/f", new), 75, "" },
    { "a link to be removed points elsewhere", "echo x >t; ln -s t f",
      symlink.steps(path .. "/f", { kind = "delete", from = { to = "seen" }, differs = {} }), 75, "x" },
    { "a directory to be removed has filled", "mkdir f; echo x >f/x",
      directory.steps(path .. "/f", { kind = "delete", from = {}, differs = {} }), 1, "" },
  }
end

local function look(host) return host:sh("cat f 2>/dev/null || :") end

if Host.is_root() then
  for i in ipairs(moved "/") do
    local host = Host.new {}
    local case = moved(host.dir)[i]
    t.case("moved: " .. case[1], function()
      if case[2] ~= "" then host:sh(case[2]) end
      local r = host:request { script = case[3][1].run, stdin = case[3][1].stdin }
      t.equal(r.rc, case[4], r.err)
      if case[4] == 75 then t.matches(r.err, "plan again") end
      t.equal(look(host), case[5])
      t.equal(host:sh("ls -A | grep neap || :"), "")
    end)
    host:close()
  end

  t.case("a file is never readable by more than it will be", function()
    local host = Host.new {}
    local step = file.steps(host.dir .. "/f", {
      kind = "create", differs = {}, to = { content = "x", mode = "0640", group = "daemon", validate =
        "stat -c '%a %G' %s . >>" .. host.dir .. "/seen" },
    })[1]
    t.equal(host:request({ script = step.run, stdin = step.stdin }).rc, 0)
    t.equal(host:sh("cat seen f"), "640 daemon\n700 root\nx")
    host:close()
  end)

  t.case("a full disk leaves the old file and nothing else", function()
    if not Host.can_be_private() then return end
    local host = Host.new { private = true }
    local step = file.steps("/home/f", {
      kind = "update", differs = { content = true }, from = { content = "old\n", mode = "0644" },
      to = { content = ("x"):rep(300000), mode = "0644" },
    })[1]
    local r = host:request {
      script = "mount -t tmpfs -o size=64k none /home; echo old >/home/f\n( " .. step.run ..
        "\n); echo $?; ls -A /home; cat /home/f", stdin = step.stdin,
    }
    t.matches(r.err, "No space left")
    t.matches(r.out, "^[1-9]%d*\nf\nold\n$")
    host:close()
  end)

  -- Where something is mounted meanwhile, on a path below the directory d: { path, names that are purged }.
  local ODD = "a \\\\040\t\nb"
  local MOUNTED = { { "d/m", { "m" } }, { "d/" .. ODD, { "x", ODD } }, { "d/m/in/deep", { "-x", "m" } }, { "d/-m", { "-m" } } }
  local AWKS = { "", 'awk() { busybox awk "$@"; }\n' }

  local function try_mounted(path, names, shell, awk)
    local host <close> = setmetatable(Host.new { private = true, shell = shell }, { __index = Host, __close = Host.close })
    local kept = require "neap.kept"
    local was = kept.DIR
    kept.DIR = host.top .. "/kept"
    local purge = directory.steps(host.dir .. "/d", {
      kind = "update", from = { surplus = names }, to = { purge = true, surplus = {} }, differs = { surplus = true },
    })[1]
    local delete = directory.steps(host.dir .. "/d", {
      kind = "delete", from = { force = true, surplus = names }, differs = {},
    })[1]
    kept.DIR = was
    host:sh("mkdir -p d/x d/-x d/mm; echo there >d/x/f")
    local script = ("cd '%s'; at='%s'; mkdir -p \"./$at\"; mount -t tmpfs none \"./$at\"; echo volume >\"./$at/f\"\n%s( %s\n); " ..
      "echo $?; ( %s\n); echo $?; cat \"./$at/f\" d/x/f; ls ../kept/*"):format(host.dir, path, awk, purge.run, delete.run)
    local r = host:request { script = script }
    t.matches(r.out, "^75\n75\nvolume\nthere\n")
    t.matches(r.err, "something is mounted on '.*', and nothing is taken away with that: unmount it first")
    t.equal(r.out:match("there\n(.*)"):gsub("[^\n]*:?\n", ""), "")
  end

  t.case("a directory with something mounted in it is not moved, nor what is in it", function()
    if not Host.can_be_private() then return end
    for _, shell in ipairs(Host.shells()) do
      for i, awk in ipairs(AWKS) do
        for _, case in ipairs((i == 1 or os.execute "command -v busybox >/dev/null") and MOUNTED or {}) do
          try_mounted(case[1], case[2], shell, awk)
        end
      end
    end
  end)

  -- What stands there { before, by then, and after it came back }, and how that ends.
  local FETCHED = {
    { GIVEN, ":", SEEN, "kept kept 660 a\n", 0 },
    { "mkfifo -m 640 f", "rmdir f", "stat -c '%F %a' f", "fifo 640\n", 0 },
    { "ln -s 'a b' f", ":", "readlink f; ls", "a b\nf\n", 0 },
    { "echo a >f", "touch f/theirs", "ls f; cat ../kept/*/f", "theirs\na\n", 1 },
    { "echo a >f", "rm ../kept/*/f; mkdir ../kept/*/f", "ls -A f", "", 75 },
    { "echo a >f", "mkdir ../kept/v; mount -t tmpfs none ../kept/v", "ls -A f; cat ../kept/*/f", "a\n", 75 },
  }

  local function try_fetch(case, shell)
    local host <close> = setmetatable(Host.new { private = true, shell = shell }, { __index = Host, __close = Host.close })
    local kept = require "neap.kept"
    local was, path = kept.DIR, host.dir .. "/f"
    kept.DIR = host.top .. "/kept"
    host:sh(case[1])
    local kind = host:sh("[ -h f ] && echo symlink || { [ -f f ] && echo file || echo other; }")
    local there = { kind = "update", from = { occupied = kind }, to = { mode = "0755" }, differs = { occupied = true } }
    t.equal(host:request({ script = directory.steps(path, there)[1].run }).rc, 0)
    local from = case[2] ~= "rmdir f" and { mode = "0755", occupied = false } or nil
    local back = { kind = from and "update" or "create", from = from, to = { occupied = kind, restore = true }, differs = {} }
    local step = directory.steps(path, back)[1].run
    kept.DIR = was
    local r = host:request {
      script = ("cd '%s'\n%s\n( %s\n); s=$?; cd '%s'; %s; ls -A | grep neap; exit $s"):format(host.dir, case[2], step, host.dir, case[3]),
    }
    t.equal({ r.out, r.rc }, { case[4], case[5] }, case[1] .. ", " .. case[2] .. ": " .. r.err)
  end

  t.case("what a directory has replaced comes back with all that it had, or stays where it is kept", function()
    if not Host.can_be_private() then return end
    for _, shell in ipairs(Host.shells()) do
      for _, case in ipairs(FETCHED) do try_fetch(case, shell) end
    end
  end)

  t.case("what cannot be given to its owner goes back to where it is kept", function()
    for _, shell in ipairs(Host.shells()) do
      local host <close> = setmetatable(Host.new { shell = shell }, { __index = Host, __close = Host.close })
      local kept = require "neap.kept"
      local was, path = kept.DIR, host.dir .. "/d"
      kept.DIR = host.top .. "/kept"
      host:sh("mkdir d; echo theirs >d/f")
      local delete = { kind = "delete", from = { force = true, surplus = { "f" } }, differs = {} }
      t.equal(host:request({ script = directory.steps(path, delete)[1].run }).rc, 0)
      local back = { kind = "create", to = { restore = true, owner = "no-such" }, differs = {} }
      t.equal(host:request({ script = directory.steps(path, back)[1].run }).rc, 1)
      t.equal(host:sh("cat ../kept/*/d/f; ls -A"), "theirs")
      back.to.owner = "root"
      t.equal(host:request({ script = directory.steps(path, back)[1].run }).rc, 0)
      t.equal(host:sh("ls -A ../kept/*; cat d/f"), "theirs")
      kept.DIR = was
    end
  end)
end
