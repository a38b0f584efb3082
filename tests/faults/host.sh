# shellcheck shell=bash disable=SC2154
# The host that is struck: what is on it before, what is managed there, and
# what a run may not leave. Sourced by `steps`.

# The host, without the lab's own commands between: a case asks it a dozen times.
host_pid() {
	local pid=''
	read -r pid _ <"$NEAP_LAB_STATE/hosts/node1/init"
	echo "$pid"
} 2>/dev/null
on() {
	shift
	nsenter -t "$(host_pid)" -a -r -w -- env -i HOME=/root LANG=C.UTF-8 \
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
} 2>/dev/null

# Two database servers: that of the distribution, and one that it can replicate from, on port 3307.
DATABASES='
export DEBIAN_FRONTEND=noninteractive
apt-get -q update && apt-get -qy install --no-install-recommends mariadb-server || exit 1
mariadb-install-db --no-defaults --user=mysql --datadir=/var/lib/source
cat >/etc/systemd/system/source.service <<END
[Unit]
Before=mariadb.service
[Service]
Type=notify
User=mysql
RuntimeDirectory=source
ExecStart=/usr/sbin/mariadbd --no-defaults --datadir=/var/lib/source --socket=/run/source/socket \\
  --pid-file=/run/source/pid --bind-address=127.0.0.1 --port=3307 --server-id=7 --log-bin=source
[Install]
WantedBy=multi-user.target
END
systemctl daemon-reload && systemctl -q enable --now source.service || exit 1
for name in copy_a copy_b; do
	echo "CREATE USER $name@127.0.0.1 IDENTIFIED BY \"copy\"; GRANT REPLICATION SLAVE ON *.* TO $name@127.0.0.1;"
done | mariadb --socket=/run/source/socket'

# host_prepare: what is there before any run
host_prepare() {
	on node1 mkdir -p /srv/faults /var/lib/neap
	# Disks of their own, small, for faults of disks; they would not outlive a power cut.
	[ -z "${DISKS:-}" ] || on node1 sh -c 'for d in /srv/faults /var/lib/neap; do mount -t tmpfs -o size=2m faults $d; done'
	on node1 sh -c "$DATABASES" >"$WORK/databases.out" 2>&1 || { cat "$WORK/databases.out"; echo "Bail out! no databases"; exit 1; }
	on node1 touch /srv/faults/blocks /srv/faults/lines
	on node1 sh -c 'for side in A B; do mkdir "/srv/source-$side" && : >"/srv/source-$side/Packages"; done'
}

# What is managed: a line each, `id|path|what is there`; of what a host has one of, the type and not the name. Of a file
# mode and content are of one and the same, though what a dead run has begun may put another in its place meanwhile.
LOOK='
f() { if [ -h "$2" ]; then echo "$1|$2|link $(readlink "$2")"; elif [ -d "$2" ]; then echo "$1|$2|$(stat -c "%F %a %U:%G" "$2")"
elif [ -e "$2" ]; then { echo "$1|$2|$(stat -L -c "%F %a %U:%G" /dev/fd/0) $(sha256sum)"; } <"$2"; else echo "$1|$2|absent"; fi; }
f file:/srv/faults/conf /srv/faults/conf; f file:/srv/faults/other /srv/faults/other
f file:/srv/faults/only-b /srv/faults/only-b; f directory:/srv/faults/dir /srv/faults/dir
f authorized_key:faults /srv/faults/home/.ssh/authorized_keys
f symlink:/srv/faults/link /srv/faults/link; f block:faults /srv/faults/blocks; f line:faults /srv/faults/lines
f command:stamp /srv/faults/stamp; f sysctl:net.ipv4.ip_default_ttl /etc/sysctl.d/90-neap-net.ipv4.ip_default_ttl.conf
f systemd_unit:faults.service /etc/systemd/system/faults.service
f timer:faults-timer /etc/systemd/system/faults-timer.timer
f timer:faults-timer /etc/systemd/system/faults-timer.service
f release:/srv/faults/app /srv/faults/app/current; f release:/srv/faults/app /srv/faults/app/current/side
f hosts_entry:10.99.0.1 /etc/hosts
f apt_repository:faults /etc/apt/sources.list.d/faults.sources
echo "group:faults-b|group|$(getent group faults-b)"; echo "user:faults|user|$(getent passwd faults)"; echo "user:faults|password|$(getent shadow faults | cut -d: -f2)"
echo "service:faults|enabled|$(systemctl is-enabled faults.service 2>/dev/null)"
echo "hostname|running|$(hostname)"; echo "hostname|at boot|$(cat /etc/hostname)"
mariadb -N --raw -e "SELECT CONCAT(\"mysql_database:\", SCHEMA_NAME, \"|database|\", DEFAULT_CHARACTER_SET_NAME)
    FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE \"faults%\" ORDER BY 1;
  SELECT CONCAT(\"mysql_user:\", User, \"@\", Host, \"|password|\", authentication_string)
    FROM mysql.user WHERE User LIKE \"faults%\" ORDER BY 1;
  SELECT CONCAT(\"mysql_user:\", REPLACE(GRANTEE, CHAR(39), \"\"), \"|\", PRIVILEGE_TYPE, \"|\", TABLE_SCHEMA)
    FROM information_schema.SCHEMA_PRIVILEGES WHERE GRANTEE LIKE \"%faults%\" ORDER BY 1;
  SELECT CONCAT(\"mysql_user:\", REPLACE(GRANTEE, CHAR(39), \"\"), \"|\", PRIVILEGE_TYPE, \"|*\")
    FROM information_schema.USER_PRIVILEGES WHERE GRANTEE LIKE \"%faults%\" AND PRIVILEGE_TYPE <> \"USAGE\" ORDER BY 1"
mariadb -E -e "SHOW REPLICA STATUS" | sed -n "s/^ *Master_User: /mysql_replica:source|user|/p"
echo "package|package|$(dpkg-query -W -f "\${db:Status-Abbrev}" tree 2>/dev/null)"'
look() { on node1 sh -c "$LOOK"; }

# What a run may not leave on the host.
LEFT='
[ ! -d /var/lib/neap/pending ] || ls /var/lib/neap/pending | sed "s/^/mark /"
ls -d /var/lib/neap/temp /tmp/neap.* /dev/shm/neap.* /run/neap.*.?????? 2>/dev/null | sed "s/^/file /"
find /srv /srv/faults /etc /var/lib/neap -xdev -name ".neap.??????" 2>/dev/null | sed "s/^/temporary /"
ls -d /srv/faults/app/releases/.[!.]* 2>/dev/null | grep -v "/.made$" | sed "s/^/temporary /"
flock -n /run/neap.lock true || echo "lock held"
tail -n 1 /var/lib/neap/journal | grep -q ended || echo "journal not ended"
cmp -s /run/faults.live /srv/faults/conf || echo "service runs with an old configuration"
[ "$(systemctl is-active faults.service)" = active ] || echo "service is not active"'

# A session whose controller is gone ends when sshd next has something to tell it: half a minute after it did so last.
left_on_host() {
	local until=$((SECONDS + 40)) pid
	while [ -n "$(on node1 sh -c "$RUNNING")" ] && [ "$SECONDS" -lt "$until" ]; do nap 0.5; done
	on node1 sh -c "$LEFT"
	for pid in $(on node1 sh -c "$RUNNING"); do
		echo "still runs: $(tr '\0' ' ' <"$(root)/proc/$pid/cmdline")"
	done
} 2>/dev/null
