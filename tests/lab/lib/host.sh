# shellcheck shell=bash disable=SC2153
# One host: a Debian that systemd-nspawn boots from an overlay on the base.
#
# All of a host lies in $STATE/hosts/HOST: `disk` (what differs from the base;
# it outlives a power cut), `pid` (nspawn), `init` (the host's process 1),
# `known_hosts`, `console.log`.

host_dir() { echo "$STATE/hosts/$1"; }

# host_init HOST: prints the pid of the host's process 1 while it runs
host_init() {
	local dir pid=''
	dir=$(host_dir "$1")
	if ! proc_pid "$dir/init"; then
		pid=$(proc_pid "$dir/pid") || return 1
		# the list does not end in a newline
		read -r pid _ <"/proc/$pid/task/$pid/children"
		# a child of nspawn is process 1 only once it has its namespace
		[ -n "$pid" ] && grep -q '^NSpid:.*[[:blank:]]1$' "/proc/$pid/status" 2>/dev/null || return 1
		proc_ident "$pid" >"$dir/init" || return 1
		proc_pid "$dir/init"
	fi
}

# inotify_room [FILE]: a host takes some seven inotify instances, and root has
# 128 for all of a machine unless it is told otherwise. Where none is left,
# units fail or a host does not boot, and neither says why.
inotify_room() {
	local limit=${1:-/proc/sys/fs/inotify/max_user_instances}
	[ "$(<"$limit")" -lt 1024 ] || return 0
	echo 1024 2>/dev/null >"$limit" || say "cannot write '$limit': more than a dozen hosts may not boot"
}

# host_start HOST: plugs it in and switches it on; does not wait
host_start() {
	local dir
	dir=$(host_dir "$1")
	mkdir -p "$dir"
	net_plug "$1"
	daemon "$dir/pid" "$dir/console.log" unshare --mount --propagation slave \
		bash "$LAB_HOME/lib/boot-host" "$STATE" "$NAME" "$1" "$(host_address "$1")"
}

# host_kill HOST: a power cut. The link goes first, or a dying host would go on
# answering for addresses that others have taken over.
host_kill() {
	local dir group
	dir=$(host_dir "$1")
	host_init "$1" >/dev/null || :
	net_unplug "$1"
	proc_end "$dir/init" KILL 10 || die "host '$1': its process 1 does not end"
	proc_end "$dir/pid" KILL 10 || die "host '$1': its systemd-nspawn does not end"
	for group in $(host_groups "$NAME" "$1"); do
		wait_for 10 group_end "$group" || die "control group '$group' is still in use"
	done
	netns_del "$NETNS.$1"
}

# host_systemd HOST [--wait]: what systemd says of itself (when it has booted),
# or "off"
host_systemd() {
	local init
	init=$(host_init "$1") || {
		echo off
		return
	}
	inside "$init" timeout 120 systemctl is-system-running ${2:+"$2"} 2>/dev/null || :
}

# host_manager HOST: has systemd come so far that it answers?
host_manager() {
	local init
	proc_pid "$(host_dir "$1")/pid" >/dev/null || return 0
	init=$(host_init "$1") && [ -S "/proc/$init/root/run/systemd/private" ]
}

# It ends with the shell that asks: it would go on for seconds in a network that has been taken away.
host_answers() {
	setpriv --pdeathsig TERM nsenter "--net=/run/netns/$NETNS" timeout 5 \
		ssh -F "$STATE/ssh_config" -o ConnectTimeout=2 -o BatchMode=yes \
		-o UserKnownHostsFile="$(host_dir "$1")/known_hosts" "$1" : </dev/null >/dev/null 2>&1
}

# host_ready HOST: waits until the host has booted and sshd lets us in. A failed
# unit is named but does not stop the lab.
host_ready() {
	local dir state
	dir=$(host_dir "$1")
	wait_for 60 host_manager "$1" || :
	state=$(host_systemd "$1" --wait)
	case $state in
	running) ;;
	degraded) say "host '$1' is degraded: $(host_failed_units "$1")" ;;
	*)
		tail -n 15 "$dir/console.log" >&2
		say "host '$1' did not boot (systemd is '$state'): see '$dir/console.log'"
		return 1
		;;
	esac
	wait_for 30 host_answers "$1" || {
		say "host '$1' has booted but its sshd does not let us in: try 'lab exec $1 journalctl -u ssh'"
		return 1
	}
}

host_failed_units() {
	inside "$(host_init "$1")" systemctl list-units --failed --plain --no-legend 2>/dev/null |
		awk '{ printf "%s%s", sep, $1; sep = ", " }'
}

# inside PID CMD...: runs CMD in all the namespaces of PID
inside() {
	local pid=$1
	shift
	nsenter -t "$pid" -a -r -w -- env -i HOME=/root USER=root LANG=C.UTF-8 \
		TERM="${TERM:-dumb}" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}
