# shellcheck shell=bash
# Control groups. Each host needs groups of its own, or all hosts share one tree
# and units fail now and then with 219/CGROUP.

# host_groups NAME HOST: the paths of the host's groups, made or not: one where
# the machine has the unified hierarchy alone (not tried yet), one in each
# hierarchy that systemd uses where it has the hybrid one.
host_groups() {
	local top=/sys/fs/cgroup h
	if [ -e "$top/cgroup.controllers" ]; then
		echo "$top/neaplab.$1.$2"
		return
	fi
	for h in systemd unified memory pids; do
		[ ! -e "$top/$h/cgroup.procs" ] || echo "$top/$h/neaplab.$1.$2"
	done
}

# group_end GROUP: ends what is in GROUP, if anything is, and takes it away;
# false when that needs another moment. Whatever is in a group of a host was
# started in that host.
group_end() {
	local pids
	[ -d "$1" ] || return 0
	mapfile -t pids < <(find "$1" -name cgroup.procs -exec cat {} + 2>/dev/null)
	[ "${#pids[@]}" = 0 ] || kill -KILL "${pids[@]}" 2>/dev/null
	find "$1" -depth -type d -exec rmdir {} + 2>/dev/null
}
