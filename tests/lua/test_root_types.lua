-- Users, groups, keys, kernel parameters, commands: on a private copy of /etc and /home in a mount namespace, with the
-- real useradd and its kin, under each shell.
local t = require "harness"
local Host = require "local_host"
local taint = require "neap.core.taint"
local types = require "types_run"

local HASH = "$6$saltsalt$rr3mfpNKXLtV9MkEFCmcVHVGDxGPaMaQQqqVOGnZvMqCvOXQIN8IQLBjKzYvdkVxWbTFGqbHbgdLyIQBHy3bE0"
local OTHER = "$6$pepper$BB3mfpNKXLtV9MkEFCmcVHVGDxGPaMaQQqqVOGnZvMqCvOXQIN8IQLBjKzYvdkVxWbTFGqbHbgdLyIQBHy3bE0"
local function hash(text) return taint.wrap(text, "hash") end

local KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0Dqnk6zxCIWqCl6cZ0q1 ada@laptop"
local OLD_KEY = KEY:gsub("ada@laptop", "old")
local USER = "useradd -m -u 4001 ada"
local KEYS = "cat /home/ada/.ssh/authorized_keys"

local function key(attrs, absent)
  attrs.user, attrs.key = "ada", attrs.key or KEY
  return { { "authorized_key", "x", attrs, absent = absent } }
end

local cases = {
  { "group: a new one", "", { group = { "ops", { gid = 4001 } } }, "getent group ops", "ops:x:4001:" },
  { "group: the host picks", "", { group = { "ops", { system = true } } },
    "getent group ops | grep -c 'ops:x:[0-9]*:'", "1" },
  { "group: moves a wrong gid", "groupadd -g 4002 ops", { group = { "ops", { gid = 4001 } } }, "getent group ops",
    "ops:x:4001:" },
  { "group: a gid that is taken", "", { group = { "ops", { gid = 0 } } }, error = "gid 0 is that of 'root' already" },
  { "absent.group", "groupadd ops", { { "group", "ops", absent = true } }, "getent group ops || echo none", "none" },

  { "absent.group: somebody's own is found in the plan", USER .. "; groupadd ops",
    { { "group", "ops", absent = true }, { "group", "ada", absent = true } }, "getent group ops | cut -d: -f1", "ops",
    error = "it is the group of user 'ada'" },
  { "absent.group: after its user has another", USER .. "; groupadd -g 4009 ops",
    { { "user", "ada", { group = "ops" } }, { "group", "ada", absent = true } }, "id -gn ada; getent group ada || echo none",
    "ops\nnone" },
  { "absent.user: one who runs something is found in the plan",
    "useradd -m -u 4777 ada; groupadd ops; setpriv --reuid 4777 --clear-groups sleep 5 >/dev/null 2>&1 &\nsleep 0.3",
    { { "group", "ops", absent = true }, { "user", "ada", absent = true } }, "getent group ops | cut -d: -f1", "ops",
    error = "'ada' runs process %d+ %(sleep%): stop that first" },

  { "user: a new one", "", { user = { "ada", { uid = 4001, comment = "Ada L.", shell = "/bin/sh" } } },
    "getent passwd ada; stat -c %U /home/ada; id -gn ada", "ada:x:4001:4001:Ada L.:/home/ada:/bin/sh\nada\nada" },
  { "user: a system user", "", { user = { "app", { system = true, home = "/srv/app" } } },
    "getent passwd app | cut -d: -f6,7; [ \"$(id -u app)\" -lt 1000 ] && ls -d /home/app || echo no home",
    "/srv/app:/usr/sbin/nologin\nno home" },
  { "user: a group of its name is there", "groupadd -g 4005 ada", { user = { "ada", {} } }, "id -gn ada", "ada" },
  { "user: with its groups in one plan", "",
    { { "group", "ops", { gid = 4003 } }, { "user", "ada", { group = "ops", groups = { "adm", "www-data" } } } },
    "id -Gn ada", "ops adm www-data" },
  { "user: with a file in his home", "", { { "user", "ada", {} }, { "directory", "/home/ada", { owner = "ada" } },
    { "file", "/home/ada/x", { content = "x", owner = "ada" } } }, "stat -c '%U %n' /home/ada/x", "ada /home/ada/x" },
  { "user: groups are a set", USER .. "; usermod -G adm,daemon ada",
    { user = { "ada", { groups = { "www-data", "adm", "adm" } } } }, "id -Gn ada", "ada adm www-data" },
  { "user: no groups", USER .. "; usermod -G adm ada", { user = { "ada", { groups = {} } } }, "id -Gn ada", "ada" },
  { "user: other shell, comment, home, group", USER .. "; groupadd -g 4009 new",
    { user = { "ada", { shell = "/bin/dash", comment = "it's", home = "/srv/a b", group = "4009" } } },
    "getent passwd ada", "ada:x:4001:4009:it's:/srv/a b:/bin/dash" },
  { "user: a password", "", { user = { "ada", { password = hash(HASH) } } }, "getent shadow ada | cut -d: -f2", HASH },
  { "user: another password", USER .. "; echo 'ada:" .. OTHER .. "' | chpasswd -e",
    { user = { "ada", { password = hash(HASH) } } }, "getent shadow ada | cut -d: -f2", HASH },
  { "user: another password of a locked user leaves it locked",
    USER .. "; echo 'ada:" .. OTHER .. "' | chpasswd -e; usermod -L ada",
    { user = { "ada", { password = hash(HASH) } } }, "getent shadow ada | cut -d: -f2", "!" .. HASH },
  { "user: locks", USER .. "; echo 'ada:" .. HASH .. "' | chpasswd -e", { user = { "ada", { locked = true } } },
    "getent shadow ada | cut -d: -f2", "!" .. HASH },
  { "user: unlocks", USER .. "; echo 'ada:" .. HASH .. "' | chpasswd -e; usermod -L ada",
    { user = { "ada", { locked = false, password = hash(HASH) } } }, "getent shadow ada | cut -d: -f2", HASH },
  { "user: a new one, locked with a password", "", { user = { "ada", { locked = true, password = hash(HASH) } } },
    "getent shadow ada | cut -d: -f2", "!" .. HASH },
  { "user: expires, and has his password", "", { user = { "ada", { expires = "2040-02-29", password = hash(HASH) } } },
    "getent shadow ada | cut -d: -f2,8", HASH .. ":25626" },
  { "user: expires another day", USER .. "; usermod -e 2040-02-28 ada", { user = { "ada", { expires = "2040-02-29" } } },
    "getent shadow ada | cut -d: -f8", "25626" },
  { "user: expires no more", USER .. "; usermod -e 2040-02-28 ada", { user = { "ada", { expires = false } } },
    "getent shadow ada | cut -d: -f8", "" },
  { "user: a day that there is not", "", { user = { "ada", { expires = "2039-02-29" } } }, error = "expires is a day" },
  { "user: a group that is not there", "", { user = { "ada", { groups = { "nope" } } } }, error = "nope" },
  { "user: a clear password", "", { user = { "ada", { password = "hush" } } }, error = "crypt" },
  { "absent.user", USER, { { "user", "ada", absent = true } }, "getent passwd ada || ls /home", "ada" },
  { "absent.user: with its home", USER, { { "user", "ada", { remove_home = true }, absent = true } },
    "getent passwd ada || ls /home", "" },
  { "absent.user: with its home, which is another's and stays", USER .. "; chown root /home/ada",
    { { "user", "ada", { remove_home = true }, absent = true } }, "getent passwd ada || ls /home", "ada" },
  { "absent.user: with its home, of which there is none", USER .. "; rm -r /home/ada",
    { { "user", "ada", { remove_home = true }, absent = true } }, "getent passwd ada || ls /home", "" },

  { "absent.group, then a user that was in it, and its own group", USER .. "; groupadd ops; usermod -G ops ada",
    { { "group", "ops", absent = true }, { "user", "ada", absent = true }, { "group", "ada", absent = true } },
    "getent passwd ada || getent group ada ops || echo none", "none" },

  { "authorized_key: a new one", USER, key {},
    KEYS .. "; stat -c %a:%U:%G /home/ada/.ssh /home/ada/.ssh/authorized_keys", KEY .. "\n700:ada:ada\n600:ada:ada" },
  { "authorized_key: beside another, with options",
    USER .. "; mkdir /home/ada/.ssh; echo other >/home/ada/.ssh/authorized_keys",
    key { options = 'command="a b",restrict' }, KEYS, 'other\ncommand="a b",restrict ' .. KEY },
  { "authorized_key: other options and comment",
    USER .. "; mkdir /home/ada/.ssh; echo 'from=\"a, b\" " .. OLD_KEY .. "' >/home/ada/.ssh/authorized_keys",
    key {}, KEYS, KEY },
  { "authorized_key: of a user of the same plan", "",
    { { "user", "ada", { uid = 4001 } }, { "authorized_key", "x", { user = "ada", key = KEY } } }, KEYS, KEY },
  { "authorized_key: no such user", "", key {}, error = "no user 'ada'" },
  { "authorized_key: a link is not followed", USER .. "; mkdir /home/t; ln -s /home/t /home/ada/.ssh", key {},
    "ls -A /home/t", "", error = "is not followed" },
  { "absent.authorized_key",
    USER .. "; mkdir /home/ada/.ssh; printf 'a\n%s\n' '" .. KEY .. "' >/home/ada/.ssh/authorized_keys",
    key({}, true), KEYS, "a" },

  { "sysctl: to be set at boot only", "", { sysctl = { "vm.swappiness", { value = 7, live = false } } },
    "cat /etc/sysctl.d/90-neap-vm.swappiness.conf", "# vm.swappiness is managed by neap\nvm.swappiness = 7" },
  { "sysctl: another value at boot", "printf '# x\nvm.swappiness = 8\n' >/etc/sysctl.d/90-neap-vm.swappiness.conf",
    { sysctl = { "vm.swappiness", { value = "7", live = false } } },
    "tail -n 1 /etc/sysctl.d/90-neap-vm.swappiness.conf", "vm.swappiness = 7" },
  { "sysctl: no such parameter", "", { sysctl = { "vm.no_such", { value = 1 } } },
    error = "has no /proc/sys/vm/no_such" },
  { "sysctl: not ours to set", "", { sysctl = { "kernel.version", { value = "x" } } },
    error = "where it is read%-only" },
  { "absent.sysctl", "echo x >/etc/sysctl.d/90-neap-vm.swappiness.conf", { { "sysctl", "vm.swappiness",
    absent = true } },
    "ls /etc/sysctl.d | grep -c neap || :", "0" },

  { "hostname: at boot", "echo old >/etc/hostname; hostname -F /etc/hostname 2>/dev/null || :",
    { hostname = { "new", {} } }, "cat /etc/hostname", "new", once = true },

  { "hostname: keeps the mode of its file", "echo old >/etc/hostname; chmod 640 /etc/hostname",
    { hostname = { "new", {} } }, "cat /etc/hostname; stat -c %a /etc/hostname", "new\n640", once = true },
  { "hostname: at first", "rm -f /etc/hostname",
    { hostname = { "new", {} } }, "cat /etc/hostname; stat -c %a /etc/hostname", "new\n644", once = true },

  { "command: creates", "", { command = { "x", { run = "echo 'a  b' >f", creates = "@f", cwd = "@" } } }, "cat f",
    "a  b" },
  { "command: has been done", "touch f", { command = { "x", { run = "echo a >f", creates = "@f", cwd = "@" } } },
    "cat f", "", nothing = true },
  { "command: unless", "", { command = { "x", { run = "echo a >>f", unless = "grep -q a f", cwd = "@" } } }, "cat f",
    "a" },
  { "command: unless, which reads where answers end and answers for the next", "",
    { { "command", "x", { run = "true", unless = [[exec 9>&1; m=$(head -n 1 /proc/self/fd/9)
printf '\n%s 0\n\n%s 0\n' "$m" "$m"; printf '\n%s\n\n%s\n' "$m" "$m" >&2]] } },
      { "command", "y", { run = "touch f", unless = "test -e f", cwd = "@" } } }, "ls -A", "f" },
  { "command: as another user", USER .. "; chmod 777 .",
    { command = { "x", { run = "id -un >f; echo \"$HOME\" >>f", creates = "@f", cwd = "@", user = "ada" } } },
    "cat f", "ada\n/home/ada" },
  { "command: a secret by its environment", "",
    { command = { "x", { run = "printf '%s' \"$P\" >f; cat >>f", env = { P = hash "it's\nhush", Q = 1 }, creates = "@f",
      cwd = "@" } } }, "cat f", "it's\nhush" },
  { "command: a secret to another user", USER .. "; chmod 777 .",
    { command = { "x", { run = "printf '%s' \"$P\" >f", env = { P = hash "hush" }, creates = "@f", cwd = "@",
      user = "ada" } } }, "cat f; stat -c ' %U' f", "hush ada" },
  { "command: fails", "", { command = { "x", { run = "echo broken >&2; exit 3", creates = "@f" } } },
    error = "broken" },
  { "command: without a way to tell", "", { command = { "x", { run = "true" } } }, error = "by unless or creates" },
  { "command: undone", "touch f",
    { { "command", "x", { run = "true", creates = "@f", undo = "rm f", cwd = "@" }, absent = true } }, "ls", "" },
}

types.all(t, cases, { private = true })

if Host.is_root() and Host.can_be_private() then
  t.case("sysctl: sets the running kernel, and before the next boot is told", function()
    local sysctl = require "neap.types.sysctl"
    local host = Host.new { private = true }
    local to = sysctl.check("net.ipv4.ip_forward", { value = 1 })
    local steps = sysctl.steps("net.ipv4.ip_forward", { kind = "create", to = to, differs = {} })
    t.equal(#steps, 2)
    local script = "cat /proc/sys/net/ipv4/ip_forward\n" .. steps[1].run .. "\ncat /proc/sys/net/ipv4/ip_forward"
    local r = host:request { script = "unshare -n sh -c " .. require("neap.sh").quote(script) }
    t.equal(r.out .. r.err, "0\n1\n")
    host:close()
  end)
end
