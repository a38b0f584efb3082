# shellcheck shell=bash
# What every part of the lab leans on: messages, bounded waits, locks, and
# processes that are known by more than their number.

say() { printf 'lab: %s\n' "$*" >&2; }

die() {
	say "$*"
	exit 1
}

now_us() { printf '%s' "${EPOCHREALTIME/./}"; }

# since_us START: the time passed since START as seconds, "3.5"
since_us() {
	local us=$(($(now_us) - $1))
	printf '%d.%d' $((us / 1000000)) $((us / 100000 % 10))
}

# wait_for SECONDS CMD...: runs CMD until it succeeds; false when time is up.
# The longer it takes, the less often CMD is tried: what we wait for needs the
# processor more than we do.
wait_for() {
	local end=$((${EPOCHREALTIME/./} + $1 * 1000000)) ms=20
	shift
	until "$@"; do
		[ "${EPOCHREALTIME/./}" -lt "$end" ] || return 1
		sleep "0.$(printf '%03d' "$ms")"
		[ "$ms" -ge 160 ] || ms=$((ms * 2))
	done
}

# take_lock FD FILE SECONDS: holds FILE's lock on FD until this shell ends
take_lock() {
	mkdir -p "${2%/*}"
	eval "exec $1>'$2'"
	flock -w "$3" "$1" || die "'$2' is locked for more than $3 s: is another lab command at work?"
}

# A pid is used again sooner or later, so a process is written down as
# "PID STARTTIME BOOT" and is ours only while all three are the same.

# proc_ident PID: prints the three; false when there is no such live process
proc_ident() {
	local stat='' boot
	[ ! -r "/proc/$1/stat" ] || { read -r -d '' stat <"/proc/$1/stat"; } 2>/dev/null
	[ -n "$stat" ] || return 1
	read -r boot </proc/sys/kernel/random/boot_id
	# the name in the second field may itself hold blanks and brackets
	stat=${stat##*) }
	# shellcheck disable=SC2086
	set -- "$1" $stat
	[ "$2" != Z ] && [ "$2" != X ] || return 1
	printf '%s %s %s\n' "$1" "${21}" "$boot"
}

# proc_pid FILE: prints the pid written down in FILE when it still is that
# process
proc_pid() {
	local was pid
	[ -r "$1" ] && read -r was <"$1" || return 1
	pid=${was%% *}
	[ -n "$pid" ] && [ "$(proc_ident "$pid")" = "$was" ] || return 1
	printf '%s\n' "$pid"
}

proc_gone() { ! proc_pid "$1" >/dev/null; }

# proc_end FILE SIGNAL SECONDS: ends the process and waits until it has gone
proc_end() {
	local pid
	if pid=$(proc_pid "$1"); then
		kill "-$2" "$pid" 2>/dev/null
		wait_for "$3" proc_gone "$1" || return 1
	fi
	rm -f "$1"
}

# close_fds: closes whatever this shell has inherited open or locked, but for
# the first three
close_fds() {
	local fd
	for fd in /proc/self/fd/*; do
		fd=${fd##*/}
		[ "$fd" -le 2 ] || eval "exec $fd>&-"
	done
}

# daemon PIDFILE LOG CMD...: starts CMD in a session of its own; PIDFILE has
# been written when this comes back. The process writes itself down before it becomes CMD, so that no moment is left in which
# this shell could be killed and CMD be known to nobody.
daemon() {
	local pidfile=$1 log=$2
	shift 2
	rm -f "$pidfile"
	(
		trap - INT TERM
		exec </dev/null >>"$log" 2>&1
		# whoever waits for the end of a pipe that our caller has open
		# should not wait for CMD
		close_fds
		cd /
		proc_ident "$BASHPID" >"$pidfile"
		exec setsid env -i PATH="$PATH" NEAP_LAB_OF="$STATE" "$@"
	) &
	disown
	wait_for 10 test -s "$pidfile"
}
