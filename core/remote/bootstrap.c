/* The shell loop: see bootstrap.h, and frame.h for what it answers.
 *
 * A request on its stdin:
 *
 *	ID MODE LINES SCRIPT INPUT SECONDS NONCE \n
 *	LINES lines of script, or SCRIPT bytes of it and ".\n"
 *	INPUT bytes for the script's stdin and ".\n", where INPUT is not 0
 *
 * MODE is s (output goes through as it comes), c (captured in files first, so
 * that a daemon that keeps its stdout holds nobody up) or h (run here, in the
 * loop's own shell: what it opens stays open until the connection ends; only
 * for scripts of the engine, which keep the loop's variables alone). Descriptor
 * 4 is for that, and no other script inherits it. A w behind it makes a script
 * one that is watched. SECONDS, where not 0, end it though nobody says so.
 *
 * A watched script is a process, and a session, of its own. While it runs, a
 * second process of the loop waits for one more line, which is either "k", or
 * the end of the stream, or the next request, which is sent only after the
 * answer, when that process is gone: so nothing of it is lost. It is killed,
 * not asked: a signal that has a trap here is lost in a child that has hardly
 * begun (dash, ash), or has it carry out our traps (bash). At "k" all that
 * the script has started is ended with it: its session, and whatever descends
 * from it. Only what has become a daemon (in a session of its own, its parents
 * gone) stays. A "k" that comes too late is skipped where a request should
 * begin.
 *
 * It runs under dash, bash and busybox ash. Reading exactly n bytes of a pipe
 * is an art: the shell's own `read` takes byte by byte and never too many,
 * `dd iflag=fullblock` is exact where it exists, `head -c` of busybox reads
 * too many. The line "." behind the bytes shows that they were complete: a
 * script never runs on the first half of its input.
 *
 * The nonce K, another one for each request, is read from the stream, printed
 * by a builtin, and unset where a script runs: neither arguments nor an
 * environment ever hold it. */
#include "bootstrap.h"

const char bootstrap_loop[] =
    "unset K d l ENV BASH_ENV CDPATH;LC_ALL=C;export LC_ALL;umask 022;cd /;"
    "PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin;"
    "export PATH;N=${IFS#??};exec 3<&0 </dev/null;"
    "trap '[ -z \"$d\" ]||rm -rf \"$d\"' EXIT;"
    "trap 'exit 93' HUP INT PIPE TERM;"
    /* O: says what is in file $1; nobody keeps more of it than that, see
     * DEFAULT_MAX_BYTES. */
    "O(){ [ ! -s \"$1\" ]||tail -c 16777217 \"$1\"||cat \"$1\";};"
    /* X: gives up. */
    "X(){ echo \"neap: $1\" >&2;exit 91;};"
    /* D: makes the directory for files, in memory where there is one. */
    "D(){ [ -z \"$d\" ]||return 0;"
    "for w in /dev/shm /run \"${TMPDIR:-/tmp}\" /var/tmp;do "
    "d=$(mktemp -d \"$w/neap.$$.XXXXXX\" 2>/dev/null)&&return 0;done;"
    "X 'no directory for temporary files';};"
    /* S: takes $2 bytes to file $1 where dd knows no fullblock. */
    "S(){ :>\"$1\";while g=$(($(wc -c <\"$1\")));[ $g -lt $2 ];do "
    "b=$(($2-g));[ $b -le 65536 ]||b=65536;"
    "dd bs=$b count=1 <&3 2>/dev/null >>\"$1\";"
    "[ $(($(wc -c <\"$1\"))) -gt $g ]||exit 92;done;};"
    /* T: takes $2 bytes to file $1. */
    "T(){ b=$2;c=1;[ $2 -le 1048576 ]||{ b=1048576;c=$(($2/b));};"
    "if dd bs=$b count=$c iflag=fullblock <&3 >\"$1\" 2>/dev/null;then "
    "c=$(($2-b*c));[ $c = 0 ]||"
    "dd bs=$c count=1 iflag=fullblock <&3 >>\"$1\" 2>/dev/null||"
    "X \"cannot write '$1'\";"
    "elif dd if=/dev/null of=/dev/null iflag=fullblock 2>/dev/null;then "
    "X \"cannot write '$1'\";else S \"$1\" $2;fi;"
    "IFS= read -r l <&3&&[ \"$l\" = . ]||exit 92;};"
    /* R: runs the script. */
    "R(){ (unset K N P a c f g i l m n q r v w x z;eval \"$s\") <\"$p\" 3<&- "
    "4<&-;};"
    /* F: finds what process $P, which leads a session, has started: v. First
     * all processes with parent and session: x; then again and again those
     * whose parent or session is among those found. */
    "F(){ x=;for a in /proc/[0-9]*/stat;do read -r l <\"$a\"||continue;"
    "w=${l%% *};set -- ${l##*) };"
    "case $1,$w$2$4 in Z,*|*,*[!0-9]*);;*)x=\"$x $w $2 $4\";;esac;done;"
    "f=\" $P \";g=;while [ \"$f\" != \"$g\" ];do g=$f;v=;set -- $x;"
    "while [ $# -gt 2 ];do case $f in *\" $1 \"*)v=\"$v $1\";;"
    "*\" $2 \"*|*\" $3 \"*)v=\"$v $1\";f=\"$f$1 \";;esac;shift 3;done;done;"
    "[ \"$v\" ];};"
    /* E: ends it: asks, and after 5 s does not ask any more. */
    "E(){ c=0;until read -r P <\"$d/w\";do "
    "[ $c -lt 5 ]||return;c=$((c+1));sleep 1;done;"
    "F||return;kill -TERM $v;"
    "for c in .1 .4 .5 1 3;do sleep $c||sleep 1;F||return;done;"
    "for c in 0 0 0 1 1;do kill -KILL $v;sleep $c;F||return;done;};"
    /* W: watches while a script runs. */
    "W(){ IFS= read -r l <&3&&[ \"$l\" = k ]||exit;:>\"$d/k\";E;};"
    "read -r K <&3||exit 92;"
    "echo \"$N$K READY\";echo \"$N$K READY\" >&2;"
    "while IFS=' ' read -r i m n z b t K <&3;do "
    "case $i in ''|k)continue;;esac;q=$b;s=;"
    "if [ $z = 0 ];then while [ $n -gt 0 ];do "
    "IFS= read -r l <&3||exit 92;s=$s$l$N;n=$((n-1));done;"
    "else D;T \"$d/s\" $z;s='. \"$d/s\"';fi;"
    "p=/dev/null;[ $q = 0 ]||{ D;p=$d/p;T \"$p\" $q;};"
    "case $m$t in ?0);;*)D;"
    "[ $z != 0 ]||printf %s \"$s\" >\"$d/s\"||X \"cannot write '$d/s'\";"
    "v=;[ ${#m} = 1 ]||! command -v setsid >/dev/null||v=setsid;"
    "[ $t = 0 ]||! command -v timeout >/dev/null||v=\"$v timeout -k 5 $t\";"
    "s=\"read -r P l </proc/self/stat;echo \\$P >\\\"\\$d/w\\\";"
    "exec $v sh \\\"\\$d/s\\\"\";esac;"
    "case $m in ?w)rm -f \"$d/w\" \"$d/k\";W >/dev/null 2>&1 4<&- & w=$!;esac;"
    "case $m in h*)eval \"$s\";r=$?;;c*)D;R >\"$d/o$i\" "
    "2>\"$d/e$i\";r=$?;;*)R;r=$?;esac;"
    "case $m in ?w){ [ -e \"$d/k\" ]||kill -KILL $w;wait $w;"
    "case $t,$r in 0,*);;*,124|*,137|*,143):>\"$d/k\";esac;"
    "[ ! -e \"$d/k\" ]||E;} >/dev/null 2>&1;esac;"
    "case $m in c*)O \"$d/o$i\";O \"$d/e$i\" >&2;"
    "rm -f \"$d/o$i\" \"$d/e$i\";esac;"
    "[ $q = 0 ]||:>\"$p\";"
    "echo \"$N$K $i $r\";echo \"$N$K $i\" >&2;done";

void bootstrap_command(struct buf *out, const char *user, const char *token)
{
	buf_puts(out, "exec ");
	if (user && token)
		buf_printf(out, "sudo -S -H -p '%s?' -u '%s' -- ", token, user);
	else if (user)
		buf_printf(out, "sudo -n -H -u '%s' -- ", user);
	buf_puts(out, "sh -c '");
	if (user && token)
		buf_printf(out, "echo \"%s!\" >&2;", token);
	buf_puts(out, "IFS= read -r l&&eval \"$l\"'");
}
