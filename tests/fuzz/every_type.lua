-- A playbook with each type in it, for the fuzzer of probes: what it declares is what is looked at.
apt_repository "example" {
  uris = "https://packages.example.org/debian", suites = "bookworm", components = "main",
  key = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nxsDN\n-----END PGP PUBLIC KEY BLOCK-----\n",
}
authorized_key "laptop" { user = "deploy", key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA ada@laptop" }
absent.authorized_key "old" { user = "deploy", key = "ssh-rsa AAAAB3NzaC1yc2EAAAA" }
block "hosts" { path = "/etc/b", content = "Host lab*\n  User ops\n" }
absent.block "no hosts" { path = "/etc/b2" }
check "site" { url = "http://10.0.0.100/health", body = "ok" }
check "port" { port = 25 }
command "schema" { run = "migrate", unless = "migrate --check", user = "app", cwd = "/srv" }
command "once" { run = "make", creates = "/srv/made" }
directory "/etc/d" { mode = "0755", owner = "root", purge = true }
absent.directory "/etc/d2"
file "/etc/f" { content = "a\nb\n", mode = "0644", owner = "root", group = "root" }
file "/etc/secret" { content = secret "pw" .. "\n", mode = "0600" }
absent.file "/etc/f2"
group "deploy" { gid = 2001 }
absent.group "old"
hostname "web1"
hosts_entry "10.0.0.1" { names = { "db.test", "db" } }
absent.hosts_entry "10.0.0.2"
line "root" { path = "/etc/l", line = "PermitRootLogin no", match = "^#?PermitRootLogin" }
absent.line "swap" { path = "/etc/l2", match = "%sswap%s" }
mysql_database "shop" { charset = "utf8mb4", collation = "utf8mb4_bin" }
absent.mysql_database "old"
mysql_replica "primary" { source = "10.0.0.11", user = "replica", password = secret "pw" }
mysql_user "app@%" { password = secret "pw", grants = { ["app.*"] = "SELECT, UPDATE (a, b)" } }
mysql_user "ops@localhost" { socket = true, grants = { ["*.*"] = "ALL" } }
absent.mysql_user "old@%"
package "nginx"
absent.package "apache2"
release "/srv/app" { id = "2.1", repository = "https://git.example.org/app.git" }
service "nginx" { running = true, enabled = true }
service "apache2" { running = false, masked = true }
symlink "/etc/s" { to = "/etc/f" }
absent.symlink "/etc/s2"
sysctl "net.ipv4.ip_forward" { value = "1" }
absent.sysctl "vm.swappiness"
systemd_unit "app.service" { content = "[Service]\nExecStart=/bin/true\n" }
timer "backup" { on_calendar = "daily", command = "/bin/true" }
absent.timer "old"
user "deploy" { groups = { "sudo" }, shell = "/bin/sh", uid = 2001 }
user "sealed" { password = secret "pw", locked = false }
absent.user "old"
wait_for "database" { port = 3306 }
