/*
 * ptree.c, kin.c: nothing that a program started outlives its tree, whatever
 * it does, nothing else is harmed, and nothing is left of it here.  Run with
 * "loop" this program is one that forks for ever.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>

#include "../../cmd/kin.h"
#include "net.h"
#include "tap.h"

/* ---- programs ---- */

/* Each forks the next and exits; with "setsid" in a session of its own. */
static void
fork_for_ever(bool own_session)
{
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		if (fork() > 0)
			_exit(0);
		if (own_session)
			setsid();
	}
}

/* ---- the parent ---- */

struct run {
	struct ptree *tree;
	struct mux_ends ends;
	struct mux_usage usage;
	int n_exited, n_gone, status;
	uint64_t kill_after;	/* on exit; NEVER = not */
};

static const char *self;
static struct ptrees *trees;
static struct mux_why why;

static void
on_exited(struct ptree *t, int status, const struct mux_usage *usage,
    void *arg)
{
	struct run *r = arg;

	r->n_exited++;
	r->status = status;
	r->usage = *usage;
	if (r->kill_after != NEVER)
		ptree_kill(t, r->kill_after);
}

static void
on_gone(struct ptree *t, void *arg)
{
	struct run *r = arg;

	if (r->tree == t)
		r->n_gone += r->n_exited;
}

static const struct ptree_ops ops = { on_exited, on_gone };

static void
start_argv(struct run *r, char **argv)
{
	struct mux_spawn s = { .size = sizeof(s), .argv = argv,
	    .fds = { -1, -1, -1 } };

	*r = (struct run){ .kill_after = NEVER };
	need(ptree_start(trees, &s, &r->ends, NULL, &ops, r, &r->tree,
	    &why) == 0, why.text);
}

static void
start(struct run *r, const char *script)
{
	char *argv[] = { "sh", "-c", (char *)(uintptr_t)script, NULL };

	start_argv(r, argv);
}

/* The next line that it writes, "" at the end; the loop turns meanwhile. */
static const char *
line(struct run *r)
{
	static char text[256];
	size_t len = 0;
	ssize_t n;

	while (len < sizeof(text) - 1) {
		n = read(r->ends.in, text + len, 1);
		if (n == 0 || (n == 1 && text[len] == '\n'))
			break;
		if (n == 1)
			len++;
		else
			mux_loop_turn(loop, NS_PER_S / 1000);
	}
	text[len] = '\0';
	return text;
}

static void
finish(struct run *r, const char *what)
{
	pump_until(r->n_gone > 0);
	is_u64((uint64_t)r->n_gone, 1, "%s: gone, once, and exited before",
	    what);
	/* A pipe has an end when nobody holds it any more. */
	is_str(line(r), "", "%s: nobody is left", what);
	mux_ends_close(&r->ends, false);
}

static bool
is_quiet(const struct run *r)
{
	char c;

	return read(r->ends.in, &c, 1) == -1 && errno == EAGAIN;
}

/* ---- tests ---- */

static void
test_plain(void)
{
	struct run r;

	start(&r, "echo $PPID; ps -o sid= $$ >/dev/null; exit 7");
	is_u64((uint64_t)ptree_pid(r.tree), (uint64_t)r.ends.child, "its pid");
	is_u64(ptrees_count(trees), 1, "one tree");
	is_u64((uint64_t)atoi(line(&r)), (uint64_t)getpid(), "our child");
	finish(&r, "plain");
	ok(WIFEXITED(r.status) && WEXITSTATUS(r.status) == 7, "its status");
	ok(r.usage.maxrss > 0, "its usage");
	is_u64(ptrees_count(trees), 0, "no tree");
}

static void
test_env(void)
{
	char *argv[] = { "sh", "-c", "echo $A$B; echo $" PTREE_MARK, NULL };
	char *envp[] = { "A=1", PTREE_MARK "=mine", "B=2", NULL };
	struct mux_spawn s = { .size = sizeof(s), .argv = argv, .envp = envp,
	    .fds = { -1, -1, -1 } };
	struct run r = { .kill_after = NEVER };
	char one[256];
	int err;

	need(ptree_start(trees, &s, &r.ends, &err, &ops, &r, &r.tree,
	    &why) == 0, why.text);
	is_str(line(&r), "12", "its environment");
	snprintf(one, sizeof(one), "%s", line(&r));
	ok(strlen(one) > 10 && strcmp(one, getenv(PTREE_MARK)) != 0,
	    "with a mark of its own");
	close(err);
	finish(&r, "env");
}

/* Those that are told and do not listen. */
static void
test_traps(void)
{
	struct run r;

	start(&r, "trap 'echo term' TERM; (trap '' TERM; echo ready; "
	    "tail -f /dev/null; :) & while :; do wait; done");
	is_str(line(&r), "ready", "one with a trap");
	ptree_kill(r.tree, NS_PER_S / 50);
	is_str(line(&r), "term", "it was told");
	finish(&r, "trap");
	ok(WIFSIGNALED(r.status) && WTERMSIG(r.status) == SIGKILL,
	    "killed in the end");

	start(&r, "trap 'echo term; exit 3' TERM; echo ready; read x");
	is_str(line(&r), "ready", "one that ends when told");
	ptree_kill(r.tree, 3600 * NS_PER_S);
	is_str(line(&r), "term", "it was told");
	finish(&r, "told");
	ok(WIFEXITED(r.status) && WEXITSTATUS(r.status) == 3,
	    "it was not killed");

	start(&r, "trap '' TERM; echo ready; tail -f /dev/null");
	is_str(line(&r), "ready", "one that is given less time later");
	ptree_kill(r.tree, 3600 * NS_PER_S);
	pump(2);
	ptree_kill(r.tree, 0);
	finish(&r, "hurry");
}

/* In the background; says so when it is told to end.  A shell that has just
 * forked may miss a signal, so this one does not. */
#define LISTENER "(trap \"echo term; exit\" TERM; echo ready; read x <&3) &"
#define DAEMON(how) "exec 3<&0; setsid " how " sh -c '" LISTENER "'"

static void
test_background(void)
{
	struct run r;

	start(&r, "tail -f /dev/null & echo ready");
	is_str(line(&r), "ready", "it leaves a child");
	pump_until(r.n_exited > 0);
	pump(3);
	ok(r.n_gone == 0 && is_quiet(&r), "which is part of it");
	ptree_kill(r.tree, 3600 * NS_PER_S);
	finish(&r, "background");

	/* Told in the callback, before anybody knows of it. */
	start(&r, "exec 3<&0; " LISTENER " read x; exit 4");
	r.kill_after = 3600 * NS_PER_S;
	is_str(line(&r), "ready", "it leaves a child with a trap");
	need(write(r.ends.out, "\n", 1) == 1, "write");
	is_str(line(&r), "term", "which is told, too");
	finish(&r, "told at its exit");
}

static void
test_daemons(void)
{
	struct run r;

	start(&r, DAEMON("") "; exec tail -f /dev/null");
	is_str(line(&r), "ready", "a daemon in another session");
	ptree_kill(r.tree, 0);
	finish(&r, "killed with its daemon");

	start(&r, DAEMON("") "; exit 0");
	is_str(line(&r), "ready", "a daemon whose program has ended");
	pump_until(r.n_exited > 0);
	pump(3);
	ok(r.n_gone == 0 && is_quiet(&r), "is known by its mark");
	ptree_kill(r.tree, 3600 * NS_PER_S);
	is_str(line(&r), "term", "it is told");
	finish(&r, "daemon");
}

/* Without a mark: ended when those are that it may belong to. */
static void
test_stray(void)
{
	struct run other, r;

	start(&other, "echo ready; exec tail -f /dev/null");
	is_str(line(&other), "ready", "a tree");
	start(&r, DAEMON("env -i PATH=/usr/bin:/bin"));
	is_str(line(&r), "ready", "another one with a daemon without a mark");
	pump_until(r.n_gone > 0);
	pump(3);
	ok(is_quiet(&r), "which outlives it while there is the first");
	ptree_kill(other.tree, 0);
	finish(&other, "first");
	is_str(line(&r), "term", "but no longer: it is told");
	is_str(line(&r), "", "it is gone");
	mux_ends_close(&r.ends, false);
}

static void
test_two(void)
{
	static const char two[] = "setsid sh -c 'tail -f /dev/null & echo "
	    "ready'; tail -f /dev/null & cat";
	struct run a, b;

	start(&a, two);
	start(&b, two);
	is_str(line(&a), "ready", "a tree");
	is_str(line(&b), "ready", "another one");
	ptree_kill(a.tree, 0);
	finish(&a, "killed");
	pump(3);
	need(write(b.ends.out, "hello\n", 6) == 6, "write");
	is_str(line(&b), "hello", "the other one is unharmed");
	ok(b.n_exited == 0 && is_quiet(&b), "so is its daemon");
	ptree_kill(b.tree, 0);
	finish(&b, "the other one");
}

static void
test_fork_loops(void)
{
	char *argv[] = { (char *)(uintptr_t)self, "loop", NULL, NULL };
	struct run r;

	start_argv(&r, argv);
	is_str(line(&r), "ready", "a loop of forks");
	pump_until(r.n_exited > 0);
	ptree_kill(r.tree, 0);
	finish(&r, "loop");

	argv[2] = "setsid";
	start_argv(&r, argv);
	is_str(line(&r), "ready", "a loop of forks and sessions");
	pump_until(r.n_exited > 0);
	ptree_kill(r.tree, NS_PER_S / 1000);
	finish(&r, "loop with sessions");
}

static void
test_leave(void)
{
	struct run r;

	start(&r, "trap '' TERM; echo ready; tail -f /dev/null");
	is_str(line(&r), "ready", "one whose owner goes");
	ptree_leave(r.tree, NS_PER_S / 1000);
	is_u64(ptrees_count(trees), 1, "it counts");
	pump_until(ptrees_count(trees) == 0);
	is_str(line(&r), "", "until nobody is left");
	ok(r.n_exited == 0 && r.n_gone == 0, "nothing is said of it");
	mux_ends_close(&r.ends, false);
}

static void
test_failures(void)
{
	char *argv[] = { "nonesuch-program", NULL };
	struct mux_spawn s = { .size = sizeof(s), .argv = argv,
	    .fds = { -1, -1, -1 } };
	struct mux_ends ends = { .in = 77 };
	struct ptree *t = NULL;
	struct rlimit old;
	int i, before = n_fds(), n_good = 0;

	ok(ptree_start(trees, &s, &ends, NULL, &ops, NULL, &t, &why) ==
	    MUX_E_IO && why.err == ENOENT, "%s", why.text);
	argv[0] = "cat";
	for (i = 0; i < 4; i++) {
		old = limit_fds(i);
		n_good += ptree_start(trees, &s, &ends, NULL, &ops, NULL, &t,
		    &why) == 0;
		unlimit_fds(old);
	}
	is_u64((uint64_t)n_good, 0, "%s", why.text);
	ok(t == NULL && ends.in == 77, "nothing is touched");
	is_u64((uint64_t)n_fds(), (uint64_t)before, "nothing is left open");
	pump(3);
	ok(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD, "nor running");
	is_u64(ptrees_count(trees), 0, "nor counted");
}

/* Without descriptors nothing can be found, so nothing may be called over. */
static void
test_starved(void)
{
	struct run r;
	struct rlimit old;

	start(&r, "tail -f /dev/null & read x");
	old = limit_fds(0);
	need(write(r.ends.out, "\n", 1) == 1, "write");
	pump_until(r.n_exited > 0);
	pump(3);
	ok(r.n_gone == 0, "who cannot look does not say that all are gone");
	unlimit_fds(old);
	ptree_kill(r.tree, 0);
	finish(&r, "starved");
}

static int n_other;

static void
on_other(struct mux_child *c, int status, void *arg)
{
	(void)arg;
	n_other += status;
	mux_child_free(c);
}

/* What others start is theirs; only what nobody waits for is reaped. */
static void
test_others(void)
{
	char *argv[] = { "sh", "-c", "true & exec cat", NULL };
	struct mux_spawn s = { .size = sizeof(s), .argv = argv,
	    .fds = { -1, -1, -1 } };
	struct mux_child *c;
	struct mux_ends ends;
	siginfo_t si;
	struct run r;

	n_other = 0;
	need(mux_spawn_piped(&s, &ends, NULL, &why) == 0, why.text);
	need(mux_child_watch(loop, ends.child, on_other, NULL, &c) == 0,
	    "watch");
	start(&r, "exit 0");
	finish(&r, "a tree beside another's child");
	ok(mux_child_kill(c, 0) == 0, "which lives");
	ok(mux_child_kill(c, SIGTERM) == 0, "until its owner ends it");
	pump_until(n_other != 0);
	is_u64((uint64_t)n_other, SIGTERM, "and its owner has its status");
	pump_until(waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) != 0);
	is_u64((uint64_t)errno, ECHILD, "what it left is reaped");
	mux_ends_close(&ends, false);
}

static int n_short;

static void
on_short(struct ptree *t, void *arg)
{
	(void)t;
	(void)arg;
	n_short++;
}

static void
test_ten_thousand(void)
{
	static const struct ptree_ops short_ops = { NULL, on_short };
	enum { N = 10000, AT_ONCE = 50 };
	char *argv[] = { "true", NULL };
	struct mux_spawn s = { .size = sizeof(s), .argv = argv,
	    .fds = { -1, -1, -1 } };
	int before = n_fds(), n;
	struct mux_ends ends;
	struct ptree *t;

	for (n = 0; n < N; n++) {
		need(ptree_start(trees, &s, &ends, NULL, &short_ops, NULL, &t,
		    &why) == 0, why.text);
		mux_ends_close(&ends, false);
		pump_until(n - n_short < AT_ONCE);
	}
	pump_until(n_short == N);
	is_u64(ptrees_count(trees), 0, "ten thousand programs");
	ok(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD,
	    "left no zombie");
	is_u64((uint64_t)n_fds(), (uint64_t)before, "and no descriptor");
}

/* Last: it frees the trees. */
static void
test_free(void)
{
	struct run a, b;

	start(&a, "trap '' TERM; " DAEMON("") "; tail -f /dev/null");
	start(&b, "echo ready; cat");
	is_str(line(&a), "ready", "a tree");
	is_str(line(&b), "ready", "one that may live on");
	ptree_leave(b.tree, NEVER);
	ptrees_free(trees);
	is_str(line(&a), "", "of the first nobody is left");
	ok(a.n_exited == 0 && a.n_gone == 0, "nothing is said of it");
	need(write(b.ends.out, "hello\n", 6) == 6, "write");
	is_str(line(&b), "hello", "the other one lives");
	mux_ends_close(&a.ends, false);
	mux_ends_close(&b.ends, false);
	ok(waitpid(b.ends.child, NULL, 0) == b.ends.child, "until it ends");
	ok(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD, "no zombie");
	ptrees_free(NULL);
}

static void
test_all(bool by_list)
{
	int before = n_fds();

	need(ptrees_new(loop, &trees, &why) == 0, why.text);
	if (!by_list && trees->children >= 0) {
		close(trees->children);
		trees->children = -1;
	}
	test_plain();
	test_env();
	test_traps();
	test_background();
	test_daemons();
	test_stray();
	test_two();
	test_fork_loops();
	test_leave();
	test_failures();
	test_starved();
	test_others();
	if (by_list)
		test_ten_thousand();
	test_free();
	is_u64((uint64_t)n_fds(), (uint64_t)before, "all is closed");
}

static void
on_nothing(int signo, void *arg)
{
	(void)signo;
	(void)arg;
}

int
main(int argc, char **argv)
{
	static char path[PATH_MAX];

	if (argc > 1 && strcmp(argv[1], "loop") == 0)
		fork_for_ever(argc > 2);
	need(realpath("/proc/self/exe", path) != NULL, "realpath");
	self = path;
	signal(SIGPIPE, SIG_IGN);
	net_begin();
	/* The loop keeps its signalfd. */
	need(mux_loop_signal(loop, SIGCHLD, on_nothing, NULL) == 0, "signal");
	test_all(true);
	/* Not every kernel has the list. */
	test_all(false);
	mux_loop_free(loop);
	return tap_done();
}
