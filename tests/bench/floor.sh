#!/bin/bash
# floor.sh SSH_CONFIG VIP NAME=ADDRESS...
#
# The yardstick of the benchmark: the stack on fresh Debian 12 hosts as a
# practised administrator would write it by hand for exactly this case, once.
# One connection and one package transaction a host, all hosts at once,
# configuration in place before the packages, every service started once.
# It knows no plan, no difference, no record and no second run; it is used for
# nothing else. Every host is web and database, the first is the primary, the
# first two are load balancers. Prints the seconds it took.
#
# shellcheck disable=SC2034 # many variables are read by name, in host_input
set -eu
HERE=$(cd "$(dirname "$0")" && pwd)
SSH_CONFIG=$1 VIP=$2
shift 2

names=() addresses=()
for pair; do
	names+=("${pair%%=*}") addresses+=("${pair#*=}")
done
random() { head -c 15 /dev/urandom | od -An -tx1 | tr -d ' \n'; }
app_password=$(random) replica_password=$(random) stats_password=$(random)

# The part that is the same on each host, run there by bash.
host_script() {
	cat <<'END'
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
umask 022
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
trap 'rm -f /usr/sbin/policy-rc.d' EXIT

put() { # MODE PATH, content on stdin
	mkdir -p "${2%/*}"
	cat >"$2"
	chmod "$1" "$2"
}

useradd --system --no-create-home --home-dir /srv/app --shell /usr/sbin/nologin app
put 0400 /etc/app/app.ini <<CONF
[app]
host = $name
title = The shop list
[database]
primary = $primary:3306
replicas = $replicas
user = app
password = $app_password
database = app
connect_timeout_s = 1
read_timeout_s = 2
CONF
chown app:app /etc/app/app.ini
put 0644 /etc/systemd/system/app.service <<CONF
[Unit]
Description=The sample application
After=network.target
[Service]
Type=notify
User=app
RuntimeDirectory=app
WorkingDirectory=/srv/app/current
ExecStart=/usr/bin/gunicorn --bind unix:/run/app/app.sock --workers 2 --threads 4 'wsgi:load("/etc/app/app.ini")'
Restart=always
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
[Install]
WantedBy=multi-user.target
CONF
put 0644 /etc/nginx/sites-available/app.conf <<CONF
upstream app { server unix:/run/app/app.sock; }
server {
	listen 8080;
	server_name _;
	location / {
		proxy_pass http://app;
		proxy_set_header Host \$host;
		proxy_set_header X-Forwarded-For \$proxy_add_x_forwarded_for;
		proxy_connect_timeout 1s;
		proxy_read_timeout 5s;
	}
}
CONF
mkdir -p /etc/nginx/sites-enabled
ln -s /etc/nginx/sites-available/app.conf /etc/nginx/sites-enabled/app.conf
put 0644 /etc/mysql/mariadb.conf.d/99-stack.cnf <<CONF
[mariadbd]
bind_address = $address
server_id = $number
report_host = $address
log_bin = binlog
log_slave_updates = ON
gtid_strict_mode = ON
sync_binlog = 1
relay_log_recovery = ON
master_retry_count = 0
skip_name_resolve = ON
$read_only
CONF
packages="gunicorn python3-pymysql nginx mariadb-server"
services="mariadb app nginx"
if [ "$balancer" = yes ]; then
	packages="$packages haproxy keepalived"
	services="$services haproxy keepalived"
	put 0640 /etc/haproxy/haproxy.cfg <<CONF
global
	log stdout format raw daemon
	user haproxy
	group haproxy
defaults
	mode http
	log global
	option httplog
	option forwardfor
	option redispatch 1
	retries 2
	timeout connect 500ms
	timeout client 30s
	timeout server 5s
	timeout http-request 10s
	timeout check 1s
frontend site
	bind :80
	default_backend web
backend web
	balance roundrobin
	option httpchk GET /health
	http-request disable-l7-retry unless METH_GET
	retry-on conn-failure empty-response response-timeout 502 503
	default-server check inter 500ms fastinter 200ms fall 2 rise 2 observe layer7 on-error fastinter
$servers
frontend stats
	bind :8404
	http-request auth unless { http_auth(admins) } or { path /alive }
	monitor-uri /alive
	stats enable
	stats uri /
userlist admins
	user admin insecure-password $stats_password
CONF
	useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin keepalived_script
	put 0755 /etc/keepalived/check-haproxy <<'CONF'
#!/bin/bash
exec 3<>/dev/tcp/127.0.0.1/8404 || exit 1
printf 'GET /alive HTTP/1.0\r\n\r\n' >&3
read -r -t 0.8 _ status _ <&3
[ "$status" = 200 ]
CONF
	put 0640 /etc/keepalived/keepalived.conf <<CONF
global_defs {
	enable_script_security
	script_user keepalived_script
	vrrp_version 3
}
vrrp_script haproxy {
	script "/etc/keepalived/check-haproxy"
	interval 1
	timeout 1
	fall 1
	rise 2
}
vrrp_instance site {
	state BACKUP
	nopreempt
	interface host0
	virtual_router_id 51
	priority $((200 - number))
	advert_int 0.3
	unicast_src_ip $address
	unicast_peer {
		$peer
	}
	virtual_ipaddress {
		$VIP
	}
	track_script {
		haproxy
	}
}
CONF
fi

apt-get -qq -o Acquire::Languages=none update
apt-get -qq -y --no-install-recommends -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0 \
	install $packages >/var/tmp/floor-apt.log 2>&1 || { tail /var/tmp/floor-apt.log >&2; exit 1; }
rm -f /usr/sbin/policy-rc.d /etc/nginx/sites-enabled/default
systemctl daemon-reload
systemctl -q enable $services
systemctl restart $services
if [ "$number" = 1 ]; then
	mysql <<SQL
CREATE DATABASE app;
CREATE USER replica@'%' IDENTIFIED BY '$replica_password';
GRANT REPLICATION SLAVE ON *.* TO replica@'%';
CREATE USER app@'%' IDENTIFIED BY '$app_password';
GRANT SELECT, INSERT, UPDATE, DELETE ON app.* TO app@'%';
USE app;
$(cat /srv/app/current/schema.sql)
SQL
else
	mysql <<SQL
CHANGE MASTER TO MASTER_HOST='$primary', MASTER_USER='replica', MASTER_PASSWORD='$replica_password',
	MASTER_CONNECT_RETRY=1, MASTER_HEARTBEAT_PERIOD=2, MASTER_USE_GTID=slave_pos;
START SLAVE;
SQL
	for _ in $(seq 300); do
		mysql -e 'SHOW SLAVE STATUS\G' | grep -q 'Slave_IO_Running: Yes' && break
		sleep 0.1
	done
	mysql -e 'SHOW SLAVE STATUS\G' | grep -q 'Slave_SQL_Running: Yes'
fi
END
}

# Everything that one host needs to know, as assignments, then the script.
host_input() { # INDEX
	local i=$1 number=$(($1 + 1)) peer='' balancer=no read_only='' replicas='' servers='' j
	[ "$i" = 0 ] || read_only='read_only = ON'
	if [ "$i" -lt 2 ]; then
		balancer=yes
		peer=${addresses[$((1 - i))]:-}
	fi
	[ "$i" = 0 ] || replicas=${addresses[$i]}:3306
	for j in "${!names[@]}"; do
		servers+="	server ${names[$j]} ${addresses[$j]}:8080"$'\n'
		if [ "$j" != 0 ] && [ "$j" != "$i" ]; then replicas+=" ${addresses[$j]}:3306"; fi
	done
	local name=${names[$i]} address=${addresses[$i]} primary=${addresses[0]}
	for j in name address number primary replicas peer balancer read_only servers VIP \
		app_password replica_password stats_password; do
		printf '%s=%q\n' "$j" "${!j}"
	done
	printf 'mkdir -p /srv/app/releases && base64 -d <<END | tar -xz -C /srv/app\n'
	tar -cz --owner=0 --group=0 --transform 's,^app,releases/1,' -C "$HERE/../../templates" app | base64
	printf 'END\nln -s releases/1 /srv/app/current\n'
	host_script
}

start=$(date +%s%N)
jobs=() rc=0
for i in "${!names[@]}"; do
	host_input "$i" | ssh -F "$SSH_CONFIG" "${names[$i]}" 'cat >/var/tmp/floor; bash /var/tmp/floor; rc=$?; rm -f /var/tmp/floor; exit $rc' &
	jobs+=($!)
done
for job in "${jobs[@]}"; do wait "$job" || rc=1; done
end=$(date +%s%N)
[ "$rc" = 0 ] || { echo "floor: a host failed" >&2; exit 1; }
printf '%d.%03d\n' $(((end - start) / 1000000000)) $(((end - start) / 1000000 % 1000))
