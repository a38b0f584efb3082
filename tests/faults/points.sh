# shellcheck shell=bash disable=SC2154
# Where a run is struck. Sourced by `steps`.
#
# A run that comes to the point waits there by itself until the fault has
# struck, at most for some seconds: on the host in front of `hold`, which stands
# before the programs that the steps call; here in the shim, or nowhere, where
# the point is the connection. So no fault comes too late, however slow or fast
# the machine.
#
#   /run/faults.hold   WHEN WHAT: what has to wait, before or after its work
#   /run/faults.held   something waits
#
# A point is the number of a step, the type of a resource (its first step), or
# one of the words connect, probe, validate, restart, verify, commit.

# The programs that change something, and those that answer questions.
HELD_PROGRAMS=(mv ln chmod chown mkdir rm tar useradd usermod userdel groupadd groupmod groupdel chpasswd
	systemctl sysctl hostname apt-get dpkg mysql mariadb stat)

HOLD='#!/bin/sh
# Under the name of another program: does its work, and waits before or after it.
# hold POINT: waits at that point.
name=${0##*/}
[ "$name" != hold ] || name=
program=
for dir in /usr/sbin /usr/bin; do [ -z "$name" ] || [ ! -x $dir/$name ] || { program=$dir/$name; break; }; done
[ -z "$name" ] || [ -e /run/faults.hold ] || exec $program "$@"
journal=/var/lib/neap/journal

last_line() { [ ! -e $journal ] || tail -n 1 $journal; }
is_here() {
	read -r when what </run/faults.hold || return 1
	case $what in
	probe) [ "$name" = stat ] && [ ! $journal -nt /run/faults.hold ] ;;
	verify) [ "$name" = stat ] && [ $journal -nt /run/faults.hold ] && last_line | grep -q "\"n\":\([0-9]*\),\"of\":\1,\|\"ended\"" ;;
	*) [ "$name" != stat ] && last_line | grep -qF -- "$what" ;;
	esac
}
halt() {
	/usr/bin/mkdir /run/faults.held || return
	for try in $(seq 100); do [ -e /run/faults.hold ] && sleep 0.03 || return; done
}
exec 9>&2 2>/dev/null
if [ -z "$name" ]; then
	read -r when what </run/faults.hold && [ "$what" = "$1" ] && halt
	exit 0
fi
is_here || exec $program "$@" 2>&9 9>&-
[ "$when" = after ] || halt
$program "$@" 2>&9 9>&-
rc=$?
[ "$when" = before ] || halt
exit $rc'

# points_install: on a host that is fresh
points_install() {
	on node1 sh -c 'cat >/usr/local/bin/hold && chmod 755 /usr/local/bin/hold && cd /usr/local/bin &&
		for name; do ln -s hold "$name"; done' sh "${HELD_PROGRAMS[@]}" <<<"$HOLD"
}

# Files of the host, without a process: $(root)/run/…
root() { echo "/proc/$(host_pid)/root"; }

# hold_at POINT: before the run begins; says in $when on which side of its work a program is struck
hold_at() {
	local what
	when=''
	# what waited too late for the fault before
	rm -rf "$(root)/run/faults.held"
	case $1 in
	begin | connect) return ;;
	commit) : >"$WORK/hold" && return ;;
	probe | validate | restart | verify) what=$1 ;;
	*[!0-9]*) what="\"id\":\"$1:" ;;
	*) what="\"n\":$1," ;;
	esac
	case $1 in
	probe | validate | restart | verify) when=before ;;
	*) [ $((RANDOM % 2)) = 0 ] && when=before || when=after ;;
	esac
	echo "$when $what" >"$(root)/run/faults.hold"
}

# release: what waits goes on
release() {
	rm -f "$WORK/hold"
	[ ! -e "$(root)/run" ] || rm -rf "$(root)/run/faults.hold" "$(root)/run/faults.held"
}

# nap SECONDS: sleeps without a process
exec {never}<> <(:)
nap() { read -rt "$1" _ <&"$never" || :; }

# here COMMAND...: waits until it succeeds, while the run goes on
here() {
	until "$@"; do
		kill -0 "$run" 2>/dev/null || return 1
		nap 0.005
	done
}

connects() { grep -q ':0016 0[12]' "/proc/$run/net/tcp"; }

# wait_point POINT: fails where the run ends before it
wait_point() {
	case $1 in
	connect) here connects ;;
	commit) here test -s "$STATE/state.git/neap.lock" ;;
	*) here test -e "$(root)/run/faults.held" ;;
	esac
} 2>/dev/null
