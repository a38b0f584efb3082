# shellcheck shell=bash disable=SC2154
# The faults, as data and as what they do. Sourced by `steps`.
#
#   name            what neap may exit with   what it is
FAULTS='
kill              137                       the controller gets SIGKILL
term              143                       the controller gets SIGTERM
int               130                       Ctrl-C
session           4                         sshd ends the session: the connection is reset
loop              4                         the shell on the host is killed, as for want of memory
cut               4                         the cable is pulled
mute              4                         all frames are dropped: half-open
power             4                         the host loses power
stall             0,3,4                     the session stands still for some seconds
garbage           0,3,4                     something writes into the stream of answers
full              0,3                       the disk of what is managed is full
readonly          0,3                       it cannot be written
state_full        0,3                       the disk of the host'\''s journal is full
disk              0,3                       the disk of the controller is full
damaged           0,3                       the state repository is damaged
locked            0,6                       the state repository is locked by somebody else
'

fault_codes() { awk -v f="$1" '$1 == f { print $2 }' <<<"$FAULTS"; }

# The session of this run on the host: what sshd has forked, and its shell.
SESSIONS='for p in /proc/[0-9]*; do
	read -r name <"$p/comm" 2>/dev/null || continue
	[ "$name" != sshd ] || tr "\0" " " <"$p/cmdline" | grep -q "^sshd: root" && echo "${p#/proc/}"
done'
LOOPS='for p in /proc/[0-9]*; do
	tr "\0" " " <"$p/cmdline" 2>/dev/null | grep -q "^sh -c IFS= read -r l&&eval" && echo "${p#/proc/}"
done'

# fault_NAME begins; mend_NAME ends it, after neap has ended
fault_kill() { kill -KILL "$run"; }
fault_term() { kill -TERM "$run"; }
fault_int() { kill -INT "$run"; }
fault_session() { on node1 sh -c "kill -KILL \$($SESSIONS)"; }
fault_loop() { on node1 sh -c "kill -KILL \$($LOOPS)"; }
fault_cut() { lab cut node1; }
mend_cut() { lab heal node1; }
fault_mute() { lab cut --mute node1; }
mend_mute() { lab heal node1; }
fault_power() { lab kill node1; }
mend_power() { lab start node1; }
fault_stall() { on node1 sh -c "p=\$($SESSIONS); kill -STOP \$p; sleep ${STALL:-5}; kill -CONT \$p"; }
fault_garbage() {
	on node1 sh -c "for p in \$($LOOPS); do head -c 3000 /dev/urandom >/proc/\$p/fd/1; echo more >/proc/\$p/fd/2; done"
}
fault_full() { on node1 sh -c 'dd if=/dev/zero of=/srv/faults/.fill bs=4k 2>/dev/null'; }
mend_full() { on node1 rm -f /srv/faults/.fill; }
fault_readonly() { on node1 mount -o remount,ro /srv/faults; }
mend_readonly() { on node1 mount -o remount,rw /srv/faults; }
fault_state_full() { on node1 sh -c 'dd if=/dev/zero of=/var/lib/neap/.fill bs=1k 2>/dev/null'; }
mend_state_full() { on node1 rm -f /var/lib/neap/.fill; }
fault_disk() { dd if=/dev/zero of="$STATE/.fill" bs=4k 2>/dev/null; }
mend_disk() { rm -f "$STATE/.fill"; }
fault_damaged() {
	cp "$STATE/state.git/refs/heads/main" "$WORK/ref"
	echo nonsense >"$STATE/state.git/refs/heads/main"
}
mend_damaged() { cp "$WORK/ref" "$STATE/state.git/refs/heads/main"; }
fault_locked() {
	flock "$STATE/state.git/neap.lock" sleep "${LOCKED:-35}" &
	locker=$!
}
mend_locked() {
	kill "$locker" 2>/dev/null
	wait "$locker" 2>/dev/null
}
