# shellcheck shell=bash disable=SC2154
# The faults, as data and as what they do. Sourced by `steps`.
#
# GROUP: what the host or the run must be like (see `steps`): plain; disks, small ones of their own, which a power cut
# would take away; ops, who logs in as a user that sudo asks for a password; package, with one among the resources.
# AT: all points, or only the beginning: what strikes there is there before the run begins.
#
#   name      exit codes  group    at     what it says where it fails (ERE)      what it is
FAULTS='
kill        137         plain    all    -                                      the controller gets SIGKILL
term        143         plain    all    signal.15|stopped                      the controller gets SIGTERM
int         130         plain    all    signal.2|stopped                       Ctrl-C
session     4           plain    all    lost|closed|ended|does.not.start       sshd ends the session: the connection is reset
loop        4           plain    all    has.ended|does.not.start               the shell on the host is killed, as for want of memory
nomem       3,4         plain    all    memory|space|ended|start|status        the shell and what it starts get no more memory
truncated   4           plain    all    has.ended|does.not.start               half an answer, and no more
cut         4           plain    all    no.+in.[0-9]+.ms|lost|route            the cable is pulled
mute        4           plain    all    no.+in.[0-9]+.ms|lost                  all frames are dropped: half-open
power       4           plain    all    no.+in.[0-9]+.ms|lost|route            the host loses power
stall       0,3,4       plain    all    no.+in.[0-9]+.ms|lost                  the session stands still for half a minute
garbage     0,3,4,5     plain    all    malformed|turn|start|.                 something writes into the stream of answers: what falls into one is taken for a part of it
disk        0,3         plain    all    No.space.left                          the disk of the controller is full
damaged     0,3         plain    all    state.repository|git|ref               the state repository is damaged
locked      0,6         plain    all    locked|another                         the state repository is locked by somebody else
ahead       0           plain    all    -                                      the clock of the controller jumps ahead by some months
behind      0           plain    all    -                                      and back
full        0,3         disks    all    No.space.left                          the disk of what is managed is full
readonly    0,3         disks    all    Read-only                              it cannot be written
state_full  0,3         disks    all    cannot.write|No.space.left             the disk of the host'\''s journal is full
sudo_mute   4           ops      begin  prompt.of.sudo                         sudo never asks for the password
sudo_wrong  4           ops      begin  does.not.take.the.password             the password is wrong
held        0,3         package  all    lock                                   somebody else holds the lock of the packages for a while
'

fault_row() { awk -v f="$1" '$1 == f' <<<"$FAULTS"; }
fault_codes() { fault_row "$1" | awk '{ print $2 }'; }
fault_at() { fault_row "$1" | awk '{ print $4 }'; }
fault_says() { fault_row "$1" | awk '{ print $5 }'; }
faults_of() { awk -v g="$1" '$3 == g { print $1 }' <<<"$FAULTS"; }

# What runs on the host in sessions of sshd, by process; of that, sshd itself and the shells that carry out runs.
RUNNING='grep -vx "$(cat /run/sshd.pid)" /sys/fs/cgroup/system.slice/ssh.service/cgroup.procs'
SESSIONS='for p in $('$RUNNING'); do read -r name <"/proc/$p/comm" && [ "$name" = sshd ] && echo "$p"; done'
LOOPS='for p in $(grep -lsz "[I]FS= read -r l&&eval" /proc/[0-9]*/cmdline | cut -d/ -f3); do
	read -r name <"/proc/$p/comm" && [ "$name" = sh ] && echo "$p"
done'

# fault_NAME begins (and fails where there was nothing to strike); mend_NAME ends it, after neap has ended
# strike PROCESSES COMMAND: on those processes ($p) of the host; waits for them a moment
strike() { on node1 sh -c "for try in 1 2 3 4 5 6 7 8 9 10; do p=\$($1); [ -z \"\$p\" ] || { $2; exit 0; }; sleep 0.05; done; exit 1"; }

fault_kill() { kill -KILL "$run"; }
fault_term() { kill -TERM "$run"; }
fault_int() { kill -INT "$run"; }
fault_session() { strike "$SESSIONS" 'kill -KILL $p'; }
fault_loop() { strike "$LOOPS" 'kill -KILL $p'; }
fault_nomem() { strike "$LOOPS" 'for i in $p; do prlimit --pid "$i" --as=4194304; done'; }
fault_truncated() {
	strike "$LOOPS" 'kill -STOP $p; for i in $p; do printf "half of an ans" >/proc/$i/fd/1; done; kill -KILL $p'
}
fault_cut() { lab cut node1; }
mend_cut() { lab heal node1; }
fault_mute() { lab cut --mute node1; }
mend_mute() { lab heal node1; }
fault_power() { lab kill node1; }
mend_power() { lab start node1; }
fault_stall() { strike "$SESSIONS" "kill -STOP \$p; sleep ${STALL:-30}; kill -CONT \$p"; }
fault_garbage() {
	strike "$LOOPS" 'for i in $p; do head -c 3000 /dev/urandom >/proc/$i/fd/1; echo more >/proc/$i/fd/2; done'
}
fault_full() { on node1 sh -c 'dd if=/dev/zero of=/srv/faults/.fill bs=4k 2>/dev/null; :'; }
mend_full() { on node1 rm -f /srv/faults/.fill; }
fault_readonly() { on node1 mount -o remount,ro /srv/faults; }
mend_readonly() { on node1 mount -o remount,rw /srv/faults; }
fault_state_full() { on node1 sh -c 'dd if=/dev/zero of=/var/lib/neap/.fill bs=1k 2>/dev/null; :'; }
mend_state_full() { on node1 rm -f /var/lib/neap/.fill; }
fault_disk() { dd if=/dev/zero of="$STATE/.fill" bs=4k 2>/dev/null || :; }
mend_disk() { rm -f "$STATE/.fill"; }
fault_damaged() {
	cp "$STATE/state.git/refs/heads/main" "$WORK/ref"
	echo nonsense >"$STATE/state.git/refs/heads/main"
}
# A commit that was under way may have put itself in its place.
mend_damaged() { ! grep -qx nonsense "$STATE/state.git/refs/heads/main" || cp "$WORK/ref" "$STATE/state.git/refs/heads/main"; }
fault_locked() {
	# One process: a child that outlives it would keep the lock, for the case after this one.
	flock --no-fork "$STATE/state.git/neap.lock" sleep "${LOCKED:-35}" &
	locker=$!
}
mend_locked() {
	kill "$locker" 2>/dev/null
	wait "$locker" 2>/dev/null
}
# A jump is one of what the run sees of it (see shim.c), and jumps back for the run after it.
fault_ahead() { echo 9000000 >"$WORK/clock"; }
mend_ahead() { rm -f "$WORK/clock"; }
fault_behind() { echo -9000000 >"$WORK/clock"; }
mend_behind() { rm -f "$WORK/clock"; }
fault_sudo_mute() {
	on node1 sh -c 'mv /usr/bin/sudo /usr/bin/sudo.real && printf "#!/bin/sh\necho \$\$ >/tmp/sudo.pid\nexec sleep 1234\n" >/usr/bin/sudo && chmod 755 /usr/bin/sudo'
}
mend_sudo_mute() { on node1 sh -c 'mv -f /usr/bin/sudo.real /usr/bin/sudo; kill "$(cat /tmp/sudo.pid)"; rm /tmp/sudo.pid'; }
fault_sudo_wrong() { on node1 sh -c 'echo "ops:another" | chpasswd'; }
mend_sudo_wrong() { on node1 sh -c 'read -r p; echo "ops:$p" | chpasswd' <"$NEAP_LAB_OPS_PASSWORD"; }
# The lock that dpkg takes is one of fcntl(2), not of flock(1).
HOLD='use Fcntl; open F, "+>>", "/var/lib/dpkg/lock-frontend"; fcntl(F, F_SETLKW, pack("s s x4 q q i x4", F_WRLCK, 0, 0, 0, 0));
sleep $ARGV[0]'
fault_held() {
	on node1 perl -e "$HOLD" "${HELD:-20}" &
	locker=$!
}
mend_held() { mend_locked; }
