# shellcheck shell=bash
# The host that pairs of playbooks are tried on. Sourced after lab.sh.

# What was there before Neap: files, a user with files, a service, a source of packages, databases' server.
prepare() {
	on node1 sh -s "${DATABASES:-}" "${PACKAGES:-}" "${USED:-}" <<'SH'
		exec >/dev/null 2>&1
		mkdir -p /srv/prop/purged/in/deep /srv/prop/full/sub /etc/prop
		printf 'old\n' >/etc/prop/old
		printf '# top\nalpha=1\n\n# middle\n#beta=2\n\n#alpha=9\nomega=3\n\n#beta=4\n#beta=4\n' >/etc/prop/conf
		for name in purged/one purged/in/two purged/in/deep/three full/four full/sub/five x-file; do
			echo "$name" >/srv/prop/$name
		done
		ln -s /etc/prop/old /srv/prop/x-link
		ln -s nowhere /srv/prop/purged/link
		groupadd -g 2500 gold; groupadd -g 2600 uold; useradd -u 2600 -g uold -G gold -c 'Some Body' -M uold
		echo owned >/etc/prop/owned; chown uold:gold /etc/prop/owned; chmod 640 /etc/prop/owned
		cat >/usr/lib/systemd/system/pold.service <<'UNIT'
[Unit]
Description=old
[Service]
ExecStart=/bin/sleep 30000
[Install]
WantedBy=multi-user.target
UNIT
		systemctl daemon-reload; systemctl enable --now pold.service
		deb() { # FOLDER NAME VERSION DEPENDS
			mkdir -p /srv/$1 /tmp/deb/DEBIAN /tmp/deb/usr/share/$2 /tmp/deb/etc /tmp/deb/lib/systemd/system
			printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: Nobody <n@prop.test>\n%sDescription: %s\n' \
				$2 $3 "${4:+Depends: $4
}" "$2" >/tmp/deb/DEBIAN/control
			echo $3 >/tmp/deb/usr/share/$2/version
			echo "of $2 $3" >/tmp/deb/etc/$2.conf; echo /etc/$2.conf >/tmp/deb/DEBIAN/conffiles
			printf '[Service]\nExecStart=/bin/sleep 20000\n[Install]\nWantedBy=multi-user.target\n' \
				>/tmp/deb/lib/systemd/system/$2.service
			(cd /tmp/deb && md5sum usr/share/$2/version lib/systemd/system/* >DEBIAN/md5sums)
			dpkg-deb --root-owner-group -b /tmp/deb "/srv/$1/$2_$3.deb"
			rm -rf /tmp/deb
		}
		index() { # FOLDER
			cd /srv/$1
			for deb in *.deb; do
				dpkg-deb -f $deb; echo "Filename: ./$deb"; echo "Size: $(stat -c %s $deb)"
				echo "SHA256: $(sha256sum <$deb | cut -d ' ' -f 1)"; echo
			done >Packages
		}
		for version in 1.0 2.0; do
			deb repo prop-lib $version ''; deb repo prop-tool $version prop-lib; deb base prop-one $version ''
		done
		deb base prop-common 1.0 ''; deb base prop-two 1.0 prop-common; deb base prop-three 1.0 'prop-common, prop-one'
		index repo; index base
		[ -z "$1" ] || {
			apt-get update
			DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends mariadb-server
			# accounts of which Neap knows no password
			mariadb -e "CREATE USER 'pmu1'@'localhost' IDENTIFIED BY 'nobody knows' ACCOUNT LOCK;
				CREATE USER 'pmu2'@'10.77.0.%' IDENTIFIED VIA mysql_native_password USING 'invalid' OR unix_socket REQUIRE SSL"
		}
		# sources of its own, small: apt has little to read
		[ -n "$2" ] || echo 'deb [trusted=yes] copy:/srv/base ./' >/etc/apt/sources.list
		[ -n "$3" ] || exit 0
		# what others have made of a host: under the names that the playbooks have, and otherwise than they would
		cp /srv/repo/prop-lib_1.0.deb /srv/base; index base
		dpkg -i /srv/repo/prop-lib_1.0.deb /srv/base/prop-one_1.0.deb /srv/base/prop-common_1.0.deb
		apt-mark hold prop-lib; apt-mark auto prop-common
		printf 'Types: deb\n# by hand\nURIs: file:/srv/repo\nSuites: ./\nTrusted: yes\n' >/etc/apt/sources.list.d/prop.sources
		printf '10.99.0.1\th1.old  h1.older # by hand\n10.99.0.1 h1.oldest\n' >>/etc/hosts
		mkdir -m 2775 /srv/prop/d2; printf 'no newline' >/srv/prop/f1; chmod 4711 /srv/prop/f1
		ln -s d2 /srv/prop/l1; echo made >/srv/prop/c1; mkfifo /srv/prop/pipe
		printf '# BEGIN neap: pm\nold\n# END neap: pm\nmade 1\nmade 1\n' >/etc/prop/made
		useradd -p '!' -u 2290 -U -G users -c 'Before' -m -s /bin/sh pu2; chage -E 2040-01-01 -M 90 pu2
		echo his >/home/pu2/his; chown pu2 /home/pu2/his; chmod 700 /home/pu2
		usermod -p '$6$old$oldhash' uold
		groupadd -g 1995 pg1; gpasswd -a pu2 pg1
		printf '[Timer]\nOnCalendar=yearly\n[Install]\nWantedBy=timers.target\n' >/etc/systemd/system/ptimer.timer
		printf '[Service]\nExecStart=/bin/true\n' >/etc/systemd/system/ptimer.service
		printf '[Service]\nExecStart=/bin/sleep 40000\n[Install]\nWantedBy=multi-user.target\n' >/etc/systemd/system/pp2.service
		mkdir -p /srv/prop/app/releases/0.9; echo 0.9 >/srv/prop/app/releases/0.9/app.py; ln -s releases/0.9 /srv/prop/app/current
		mkdir /etc/systemd/system/pold.service.d; printf '[Service]\nNice=3\n' >/etc/systemd/system/pold.service.d/p.conf
		systemctl daemon-reload; systemctl enable --now ptimer.timer pp2.service
		systemctl restart pold.service; sysctl -w net.ipv4.conf.all.log_martians=1
SH
	true
}

# is_whole: nobody was closed in place of being removed
is_whole() { ! on node1 awk -F: '$8 == 1' /etc/shadow | grep -q .; }

# What a way back leaves alone, and the next pair should not find.
tidy() {
	[ -z "${USED:-}" ] || { fresh 2>/dev/null; return; }
	on node1 sh -c 'rm -rf /home/pu? /home/alt? /home/uold /var/lib/neap/kept; dpkg -P prop-tool prop-lib prop-three prop-two prop-one prop-common >/dev/null'
	true
}

# What a pair may change, as text: names, kinds, modes, owners, targets and
# sums of files; accounts; units; parameters of the kernel; packages; databases.
listing() {
	on node1 sh -s "${DATABASES:-}" <<'SH'
		set -- "$1" /srv/prop /etc/prop /usr/share/prop-* /etc/systemd/system /etc/sysctl.d /etc/hosts /etc/hostname /etc/apt/sources.list.d
		db=$1; shift
		{
			# of releases only the current one counts
			find "$@" -path '*/releases/*' -prune -o -printf '%p|%y|%m|%u|%g|%l\n'
			for release in /srv/prop/*/current; do
				[ ! -h "$release" ] || find "$(readlink -f "$release")" -printf '%p|%y|%m|%u|%g|%l\n'
			done
		} 2>/dev/null | sort
		{
			find "$@" -path '*/releases/*' -prune -o -type f -exec sha256sum {} +
			for release in /srv/prop/*/current; do
				[ ! -h "$release" ] || find "$(readlink -f "$release")" -type f -exec sha256sum {} +
			done
		} 2>/dev/null | sort -k2
		sed 's/^/conf: /' /etc/prop/conf
		# who owns something outside his home that stays (a release that is not the current one, a home that he had
		# before) is closed and not removed, and then counts as little as that
		closed=$(awk -F: '$8 == 1 { print $1 }' /etc/shadow | while read -r name; do
			home=$(getent passwd "$name" | cut -d: -f6)
			[ -z "$(find / -xdev \( -path "$home" -o -path /var/lib/neap \) -prune -o -user "$name" -print -quit)" ] ||
				echo "$name"
		done | paste -s -d '|')
		others() { if [ -n "$closed" ]; then grep -Ev "^($closed)[: ]"; else cat; fi; }
		getent passwd | others | sort
		# homes of those who are there; those of others stay
		getent passwd | others | while IFS=: read -r name _ uid _ _ home _; do
			[ "$uid" -lt 1000 ] || stat -c "home of $name: %F %a %U %G" "$home" 2>/dev/null
		done | sort
		# a process of awk, not some for each group: there are sixty
		getent group | others | awk -F: -v closed="$closed" '{
			print "group", $1, $3
			n = split($4, member, ",")
			for (i = 1; i <= n; i++)
				if (closed == "" || member[i] !~ "^(" closed ")$") print "group", $1, "has", member[i]
		}' | sort
		awk -F: '{ print $1, substr($2, 1, 1), $8 }' /etc/shadow | others | sort
		for user in pu1 pu2 uold; do
			home=$(getent passwd $user | cut -d: -f6)
			[ -z "$home" ] || cat "$home/.ssh/authorized_keys" 2>/dev/null
		done
		set -- pp1.service pp2.service ptimer.timer ptimer.service pold.service prop-tool.service
		systemctl show -p Id -p ActiveState -p Description -p Nice -p NeedDaemonReload "$@"
		for unit; do echo "$unit $(systemctl is-enabled $unit 2>&1)"; done
		hostname
		sysctl -n net.ipv4.tcp_syncookies net.ipv4.conf.all.log_martians net.ipv4.ip_forward
		dpkg-query -W -f '${db:Status-Status} ${binary:Package} ${Version}\n' | grep -v ^config-files
		apt-mark showhold; apt-mark showmanual | sed 's/^/manual /'
		apt-get -s autoremove | sed -n 's/^Remv \([^ ]*\).*/unneeded \1/p'
		ls -A /var/lib/neap/pending 2>/dev/null
		[ -n "$db" ] || exit 0
		mysql -N -B -e "SELECT CONCAT('SHOW CREATE USER ', QUOTE(User), '@', QUOTE(Host), ';') FROM mysql.user ORDER BY 1" |
			mysql -N -B
		mysql -N -B -e "SELECT * FROM information_schema.SCHEMATA ORDER BY 2;
			SELECT Host, User, plugin, authentication_string, ssl_type FROM mysql.user ORDER BY 1, 2;
			SELECT * FROM information_schema.USER_PRIVILEGES ORDER BY 1, 3;
			SELECT * FROM information_schema.SCHEMA_PRIVILEGES ORDER BY 1, 3, 4"
SH
	true
}
