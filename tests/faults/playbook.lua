-- A resource of each type that writes, each of which differs between the sides
-- A and B. A database server, and another one that it replicates from, are there
-- (see `steps`). "hold" is where a test lets a run wait (see points.sh).
local side = "@SIDE@"
local is_a = side == "A"
local function either(a, b) if is_a then return a end return b end

group "faults" { gid = 4100 }
if is_a then absent.group "faults-b" else group "faults-b" { gid = 4101 } end
user "faults" { uid = 4200, group = "faults", shell = either("/bin/sh", "/bin/bash"), create_home = false,
  home = "/srv/faults/home", password = "$5$faults$" .. either("YsNCIQpA/SgaqM/WCW4kAzSq5aKbe7oIRVZbpmUWoP1",
    "W25Hrl4ZZbLzK9QPM1zFKXrJAnVjGViaMcj.o3Tr7x3"),
}
directory "/srv/faults/home" { owner = "faults" }
authorized_key "faults" { user = "faults", key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFaultsFaults side",
  options = either("restrict", "") }
local conf = file "/srv/faults/conf" {
  content = ("this is side %s of the file\n"):format(side):rep(6000), mode = either("0640", "0600"), owner = "root",
}
file "/srv/faults/other" { content = "other\n", group = either("faults", "root") }
if is_a then absent.file "/srv/faults/only-b" else file "/srv/faults/only-b" { content = "b\n" } end
directory "/srv/faults/dir" { mode = either("0750", "0711") }
symlink "/srv/faults/link" { to = either("/srv/faults/conf", "/srv/faults/other") }
release "/srv/faults/app" { files = { side = side } }
block "faults" { path = "/srv/faults/blocks", content = ("block of %s\n"):format(side):rep(50) }
line "faults" { path = "/srv/faults/lines", line = "side = " .. side, match = "^side = " }
hosts_entry "10.99.0.1" { names = { either("a.test", "b.test") } }
apt_repository "faults" { uris = "file:/srv/source-" .. side, suites = "./", trusted = true }
hostname(either("faults-a", "faults-b"))
sysctl "net.ipv4.ip_default_ttl" { value = either("61", "62") }
command "stamp" {
  run = ("echo %s >/srv/faults/stamp.new && mv /srv/faults/stamp.new /srv/faults/stamp"):format(side),
  unless = ("grep -qx %s /srv/faults/stamp"):format(side), undo = "true",
}
local unit = systemd_unit "faults.service" { content = ([[
[Unit]
Description=side %s
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'hold restart; cat /srv/faults/conf >/run/faults.live; echo @SIDE@ >/run/faults.side'
[Install]
WantedBy=multi-user.target
]]):format(side) }
timer "faults-timer" { on_calendar = either("*-*-* 03:15", "*-*-* 04:15"), command = "/bin/true" }
service "mariadb" { running = true }
mysql_database "faults" { charset = either("utf8mb4", "latin1") }
if is_a then absent.mysql_database "faults_b" else mysql_database "faults_b" end
mysql_user "faults@localhost" { password = "password of " .. side,
  grants = { ["faults.*"] = either("SELECT, INSERT", "SELECT, UPDATE") } }
if is_a then absent.mysql_user "faults_b@%" else mysql_user "faults_b@%" { password = "", grants = { ["*.*"] = "PROCESS" } } end
mysql_replica "source" { source = "127.0.0.1", port = 3307, user = either("copy_a", "copy_b"), password = "copy",
  read_only = false, seed = "never" }
@PACKAGE@
service "faults" { running = true, enabled = true, restart_on = { conf, unit },
  validate = "test -s /srv/faults/conf && hold validate",
}
