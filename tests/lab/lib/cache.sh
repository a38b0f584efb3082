# shellcheck shell=bash
# What is made once and kept: the bases that hosts start from, and the packages
# that hosts download.
#
# Packages pass through one apt-cacher-ng a machine, run from a configuration of
# our own (the packaged one's remapping finds no backend). It listens on
# loopback. Each lab has a forwarder whose listening socket is on the lab's own
# bridge while the process behind it is in the machine's own namespace, so that
# there is neither a route out of a lab nor an address of it outside. (Its unix
# socket would do without the port, but 3.7.4 hangs up on requests there.)

PROXY_PORT=3142

# apt_sources DIR: the sources below DIR, a directory such as /etc/apt, as lines
# of "URI SUITE"; those that are in use and have packages of `main`. Both
# formats, see sources.list(5).
apt_sources() {
	local f
	for f in "$1/sources.list" "$1"/sources.list.d/*.list; do
		[ -r "$f" ] && awk '
			{ sub(/#.*/, ""); gsub(/\[[^]]*\]/, " ") }
			$1 == "deb" && / main( |$)/ { print $2, $3 }' "$f"
	done
	for f in "$1"/sources.list.d/*.sources; do
		[ -r "$f" ] && awk '
			function flush(  u, s, i, j, nu, ns) {
				if (v["types"] ~ /(^| )deb( |$)/ && v["enabled"] !~ /^(no|false)/ &&
				    v["components"] ~ /(^| )main( |$)/) {
					nu = split(v["uris"], u); ns = split(v["suites"], s)
					for (i = 1; i <= nu; i++) for (j = 1; j <= ns; j++) print u[i], s[j]
				}
				split("", v)
			}
			/^#/ { next }
			/^[ \t]*$/ { flush(); next }
			/^[^ \t]/ { key = tolower($0); sub(/:.*/, "", key); sub(/^[^:]*:[ \t]*/, "") }
			{ sub(/^[ \t]+/, ""); sub(/[ \t]+$/, ""); v[key] = v[key] (v[key] == "" ? "" : " ") $0 }
			END { flush() }' "$f"
	done
}

# suite_sources SUITE: the lines of a host's sources.list. The machine's own
# mirror serves the other suites too; updates and security are wanted where the
# machine itself has them and the suite is a stable one.
suite_sources() {
	local suite=$1 own uri dist main='' updates='' security=''
	own=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
	while read -r uri dist; do
		case $uri in
		http://* | https://*) uri=${uri%/} ;;
		*) continue ;;
		esac
		case $dist in
		*-security | */updates) security=${security:-$uri} ;;
		*-updates) updates=${updates:-$uri} ;;
		"$own" | stable | testing | unstable | sid) main=${main:-$uri} ;;
		esac
	done < <(apt_sources /etc/apt)
	[ -n "$main" ] || die "no Debian mirror for '$own' in /etc/apt/sources.list{,.d}: add one"
	echo "deb $(via_http "$main") $suite main"
	case $suite in sid | unstable | experimental) return ;; esac
	[ -z "$updates" ] || echo "deb $(via_http "$updates") $suite-updates main"
	[ -z "$security" ] || echo "deb $(via_http "$security") $suite-security main"
}

# apt-cacher-ng cannot look into TLS; it fetches by https what is asked for so
via_http() {
	case $1 in
	https://*) echo "http://HTTPS///${1#https://}" ;;
	*) echo "$1" ;;
	esac
}

# apt_machine_options: what the machine's own apt says about the age of indexes
# (a frozen mirror needs it) goes for its lab too
apt_machine_options() {
	local o v
	for o in Acquire::Check-Valid-Until Acquire::Check-Date; do
		v=''
		eval "$(apt-config shell v "$o")"
		[ -z "$v" ] || echo "$o \"$v\";"
	done
}

# apt_options ADDRESS: apt.conf of a host that reaches the package cache there.
# A mirror that is just being updated, or a cache that is asked by several at
# once, has a bad moment now and then; with a delay apt 2.6 can wait for ever.
apt_options() {
	apt_machine_options
	echo 'Acquire::Retries "3";'
	echo 'Acquire::Retries::Delay "false";'
	echo "Acquire::http::Proxy \"http://$1:$PROXY_PORT\";"
}

# cacher_start: makes sure that the cache daemon runs and counts STATE as a user
cacher_start() {
	local dir=$CACHE/acng
	(
		take_lock 7 "$CACHE/.acng.lock" 60
		mkdir -p "$dir/conf" "$dir/store" "$dir/log" "$dir/users"
		ln -sfn "$STATE" "$dir/users/${STATE//\//%}"
		proc_gone "$dir/pid" || exit 0
		free_port >"$dir/port" || die "no free port on loopback for apt-cacher-ng"
		cacher_config >"$dir/conf/acng.conf"
		chown -R apt-cacher-ng: "$dir/store" "$dir/log"
		chown apt-cacher-ng: "$dir"
		STATE=$CACHE daemon "$dir/pid" "$dir/log/daemon.log" \
			setpriv --reuid apt-cacher-ng --regid apt-cacher-ng --clear-groups \
			apt-cacher-ng -c "$dir/conf"
		wait_for 10 port_taken "$(<"$dir/port")" ||
			die "apt-cacher-ng did not start: see '$dir/log/daemon.log'"
	)
}

port_taken() { (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_port: apt-cacher-ng 3.7.4 takes none above 32767
free_port() {
	local port
	for port in {23142..23191}; do
		port_taken "$port" || { echo "$port" && return; }
	done
	return 1
}

cacher_config() {
	local dir=$CACHE/acng http_proxy=''
	eval "$(apt-config shell http_proxy Acquire::http::Proxy)"
	cat <<-END
		CacheDir: $dir/store
		LogDir: $dir/log
		SocketPath: $dir/socket
		BindAddress: 127.0.0.1
		Port: $(<"$dir/port")
		AllowUserPorts: 80 443
		ForeGround: 1
		ReportPage:
		# an index that was fetched within the hour is asked for no more, so that
		# a second run downloads nothing
		FreshIndexMaxAge: 3600
		ExThreshold: 30
	END
	[ -z "$http_proxy" ] || echo "Proxy: $http_proxy"
}

# cacher_stop: STATE uses the cache daemon no more; the last user ends it
cacher_stop() {
	local dir=$CACHE/acng user
	[ -d "$dir/users" ] || return 0
	(
		take_lock 7 "$CACHE/.acng.lock" 60
		rm -f "$dir/users/${STATE//\//%}"
		for user in "$dir"/users/*; do
			[ ! -e "$user/" ] || exit 0
			rm -f "$user"
		done
		proc_end "$dir/pid" TERM 5 || proc_end "$dir/pid" KILL 5
		rm -f "$dir/socket"
	)
}

# forward_start NETNS ADDRESS PIDFILE: brings the cache to ADDRESS in NETNS
forward_start() {
	local cacher
	cacher=$(proc_pid "$CACHE/acng/pid") || die "apt-cacher-ng has ended: see '$CACHE/acng/log'"
	daemon "$3" "$STATE/forward.log" nsenter "--net=/run/netns/$1" \
		systemd-socket-activate -E "NEAP_LAB_OF=$STATE" -l "$2:$PROXY_PORT" \
		nsenter "--net=/proc/$cacher/ns/net" \
		/lib/systemd/systemd-socket-proxyd "127.0.0.1:$(<"$CACHE/acng/port")"
	wait_for 10 forward_answers "$1" "$2" && return
	tail -n 20 "$STATE/forward.log" >&2
	die "no package cache on $2 in '$1': the last words of its forwarder are above"
}

# forward_answers NETNS ADDRESS: whether the cache itself answers there; the forwarder listens before it is one
forward_answers() {
	timeout 5 nsenter "--net=/run/netns/$1" bash -c "exec 3<>'/dev/tcp/$2/$PROXY_PORT' &&
		printf 'HEAD / HTTP/1.0\r\n\r\n' >&3 && read -r line <&3 && [[ \$line == HTTP/* ]]" 2>/dev/null
}

# base_path SUITE: where the base of this recipe lies, made or not
base_path() {
	local hash
	hash=$({
		cat "$LAB_HOME/lib/base-packages" "$LAB_HOME/lib/base-setup"
		suite_sources "$1"
		apt_machine_options
	} | sha256sum) || return 1
	echo "$CACHE/base-$1-${hash:0:12}"
}

# base_make SUITE: makes the base if it is not there, and writes down that the
# lab stands on it. Several labs may ask at once: one makes, the others wait.
base_make() {
	local base start old
	base=$(base_path "$1") || exit 1
	echo "$base" >"$STATE/base"
	[ ! -e "$base" ] || return 0
	take_lock 7 "$CACHE/.base-$1.lock" 600
	if [ ! -e "$base" ]; then
		start=$(now_us)
		for old in "$CACHE/base-$1-"*; do
			base_used "$old" || rm -rf "$old"
		done
		base_build "$1" "$base.new"
		mv "$base.new" "$base"
		say "made the base of $1 in $(since_us "$start") s"
	fi
	exec 7>&-
}

# base_used DIR: is DIR the base of a lab? (A half-made one never is.)
base_used() {
	local b
	for b in "$CACHE"/acng/users/*/base; do
		[ ! -r "$b" ] || [ "$(<"$b")" != "$1" ] || return 0
	done
	return 1
}

base_build() {
	local suite=$1 dir=$2 ns="$NETNS.base" packages rc=0
	say "making the base of $suite (once)"
	packages=$(grep -v '^#' "$LAB_HOME/lib/base-packages" | paste -sd,)
	ip netns add "$ns"
	ip -n "$ns" link set lo up
	forward_start "$ns" 127.0.0.1 "$STATE/base-forward.pid"
	apt_options 127.0.0.1 >"$STATE/base-apt.conf"
	# mmdebstrap has apt open a descriptor by its number in a shell whose
	# numbers end at 9: the free ones must be low
	suite_sources "$suite" | (
		close_fds
		exec timeout 900 nsenter "--net=/run/netns/$ns" mmdebstrap --mode=root \
			--variant=minbase --include="$packages" --aptopt="$STATE/base-apt.conf" \
			--customize-hook="'$LAB_HOME/lib/base-setup' \"\$1\"" \
			"$suite" "$dir" - >"$STATE/base.log" 2>&1
	) || rc=$?
	proc_end "$STATE/base-forward.pid" KILL 5
	ip netns del "$ns"
	[ "$rc" = 0 ] && return
	tail -n 20 "$STATE/base.log" >&2
	rm -rf "$dir"
	die "mmdebstrap could not make '$suite' (exit $rc): its last words are above"
}
