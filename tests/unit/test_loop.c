/*
 * loop.c on real descriptors: cached readiness, what may be freed when, the
 * order within a turn, signals and children.
 */
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "int.h"
#include "mux_io.h"
#include "tap.h"

static struct mux_loop *loop;
static bool mods_fail;		/* no mask of epoll can be changed */

int
epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev)
{
	if (mods_fail && op == EPOLL_CTL_MOD) {
		errno = ENOMEM;
		return -1;
	}
	return (int)syscall(SYS_epoll_ctl, epfd, op, fd, ev);
}

/* What a callback saw; and what it is to do. */
struct seen {
	int n;
	unsigned ready;
	bool drain, again, free_self;
	struct mux_watch **free_other;
	int fd;
};

static void
on_watch(struct mux_watch *w, unsigned ready, void *arg)
{
	struct seen *s = arg;
	char buf[64];

	s->n++;
	s->ready = ready;
	if (s->drain) {
		while (read(s->fd, buf, sizeof(buf)) > 0)
			continue;
		mux_watch_clear(w, MUX_READABLE);
	}
	if (s->again)
		mux_watch_again(w);
	if (s->free_other != NULL) {
		mux_watch_free(*s->free_other);
		*s->free_other = NULL;
	}
	if (s->free_self)
		mux_watch_free(w);
}

static void
pipe_nb(int fds[2])
{
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0)
		abort();
}

static void
put(int fd)
{
	if (write(fd, "x", 1) != 1)
		abort();
}

static struct mux_watch *
watch(int fd, struct seen *s)
{
	struct mux_watch *w;

	s->fd = fd;
	if (mux_watch_new(loop, fd, on_watch, s, &w) != 0)
		abort();
	return w;
}

static void
turns(int n)
{
	while (n-- > 0)
		if (mux_loop_turn(loop, 0) != 0)
			abort();
}

static void
test_cached(void)
{
	struct seen s = { 0 };
	struct mux_watch *w;
	int p[2];

	pipe_nb(p);
	w = watch(p[0], &s);
	turns(2);
	is_u64((uint64_t)s.n, 0, "nothing is ready, nobody is called");
	put(p[1]);
	turns(3);
	is_u64((uint64_t)s.n, 1, "called once for one readiness");
	is_u64(s.ready, MUX_READABLE, "readable");
	is_u64(mux_watch_state(w), MUX_READABLE, "and it stays cached");
	put(p[1]);
	turns(2);
	is_u64((uint64_t)s.n, 1, "more of what is known is no news");
	s.again = true;
	mux_watch_again(w);
	turns(3);
	is_u64((uint64_t)s.n, 4, "again: once in each turn");
	s.again = false;
	s.drain = true;
	turns(3);
	is_u64((uint64_t)s.n, 5, "until it is read empty");
	is_u64(mux_watch_state(w), 0, "nothing cached");
	put(p[1]);
	turns(2);
	is_u64((uint64_t)s.n, 6, "a new edge after clear");
	s.drain = false;
	close(p[1]);
	turns(3);
	is_u64((uint64_t)s.n, 7, "a hangup is told once, not for ever");
	ok((s.ready & MUX_HANGUP) && (s.ready & MUX_READABLE),
	    "hangup is readable");
	mux_watch_free(w);
	close(p[0]);
}

static void
test_ends(void)
{
	struct seen a = { 0 }, b = { 0 };
	struct mux_watch *wa, *wb;
	int p[2], sv[2];

	pipe_nb(p);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sv) != 0)
		abort();
	wa = watch(p[1], &a);
	wb = watch(sv[0], &b);
	turns(1);
	is_u64(a.ready, MUX_WRITABLE, "a pipe can be written to");
	is_u64(b.ready, MUX_WRITABLE, "so can a socket");
	close(p[0]);
	shutdown(sv[1], SHUT_WR);
	turns(2);
	ok((a.ready & MUX_ERROR) && (a.ready & MUX_WRITABLE),
	    "a pipe without reader: error, for the writer to meet");
	is_u64(b.ready, MUX_WRITABLE | MUX_READABLE,
	    "half-closed: readable, no hangup");
	close(sv[1]);
	turns(1);
	ok(b.ready & MUX_HANGUP, "closed: hangup");
	mux_watch_free(wa);
	mux_watch_free(wb);
	close(p[1]);
	close(sv[0]);
}

/* Room that a watch was told of and did not use; then it runs out of it. */
static void
test_no_mask(void)
{
	struct seen s = { 0 };
	struct mux_watch *w;
	char c;
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sv) != 0)
		abort();
	w = watch(sv[0], &s);
	turns(1);
	put(sv[0]);
	if (read(sv[1], &c, 1) != 1)
		abort();
	turns(1);
	is_u64((uint64_t)s.n, 1, "room again is no news, and turns quiet");
	mods_fail = true;
	mux_watch_clear(w, MUX_WRITABLE);
	is_u64(mux_watch_state(w), 0, "no room");
	turns(1);
	is_u64((uint64_t)s.n, 2, "no memory to hear of room: asked at once");
	is_u64(s.ready, MUX_WRITABLE, "to try");
	mux_watch_clear(w, MUX_WRITABLE);
	turns(1);
	is_u64((uint64_t)s.n, 3, "and again, as long as there is none");
	mods_fail = false;
	mux_watch_clear(w, MUX_WRITABLE);
	turns(2);
	is_u64((uint64_t)s.n, 4, "then by epoll, once");
	mux_watch_free(w);
	close(sv[0]);
	close(sv[1]);
}

static void
test_refused(void)
{
	struct seen s = { 0 };
	struct mux_watch *w, *none = NULL;
	int p[2];

	pipe_nb(p);
	w = watch(p[0], &s);
	ok(mux_watch_new(loop, p[0], on_watch, &s, &none) == MUX_E_INVAL,
	    "one descriptor, one watch");
	ok(mux_watch_new(loop, -1, on_watch, &s, &none) == MUX_E_INVAL,
	    "not a descriptor");
	ok(none == NULL, "out is untouched");
	mux_watch_free(w);
	ok(mux_watch_new(loop, p[0], on_watch, &s, &w) == 0,
	    "freed: may be watched again");
	mux_watch_free(w);
	mux_watch_free(NULL);
	close(p[0]);
	close(p[1]);
}

static void
test_free(void)
{
	struct seen a = { 0 }, b = { 0 }, c = { 0 };
	struct mux_watch *wa, *wb, *wc;
	int i, pa[2], pb[2], n_fd;

	for (i = 0; i < 2; i++) {
		memset(&a, 0, sizeof(a));
		memset(&b, 0, sizeof(b));
		pipe_nb(pa);
		pipe_nb(pb);
		wa = watch(pa[0], &a);
		wb = watch(pb[0], &b);
		put(pa[1]);
		put(pb[1]);
		/* Either may come first: each kills the other. */
		a.free_other = &wb;
		b.free_other = &wa;
		turns(2);
		is_u64((uint64_t)(a.n + b.n), 1, "freed in the turn in which "
		    "it was ready: not called");
		mux_watch_free(wa);
		mux_watch_free(wb);
		n_fd = pb[0];
		close(pb[0]);
		close(pb[1]);
		close(pa[0]);
		close(pa[1]);
		/* The number returns as something that is not ready. */
		pipe_nb(pa);
		if (pa[0] != n_fd && dup2(pa[0], n_fd) != n_fd)
			abort();
		wc = watch(n_fd, &c);
		turns(1);
		is_u64((uint64_t)c.n, 0, "a reused number inherits nothing");
		mux_watch_free(wc);
		close(n_fd);
		close(pa[0]);
		close(pa[1]);
	}
	memset(&a, 0, sizeof(a));
	a.free_self = a.again = true;
	pipe_nb(pa);
	watch(pa[0], &a);
	put(pa[1]);
	turns(2);
	is_u64((uint64_t)a.n, 1, "freed in its own callback");
	close(pa[0]);
	close(pa[1]);
}

static void
test_file(void)
{
	struct seen s = { 0 };
	struct mux_watch *w;
	int fd;

	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	w = watch(fd, &s);
	is_u64(mux_loop_timeout(loop), 0, "a file is ready at once");
	turns(2);
	is_u64((uint64_t)s.n, 1, "called once");
	is_u64(s.ready, MUX_READABLE | MUX_WRITABLE, "for everything");
	mux_watch_clear(w, MUX_READABLE);
	mux_watch_again(w);
	turns(1);
	is_u64(s.ready, MUX_READABLE | MUX_WRITABLE, "and for ever");
	mux_watch_free(w);
	close(fd);
}

static void
test_many(void)
{
	enum { N = 300 };
	static struct seen s[N];
	static struct mux_watch *w[N];
	static int p[N][2];
	bool once = true;
	int i;

	for (i = 0; i < N; i++) {
		pipe_nb(p[i]);
		put(p[i][1]);
		w[i] = watch(p[i][0], &s[i]);
	}
	turns(4);
	for (i = 0; i < N; i++) {
		once = once && s[i].n == 1;
		mux_watch_free(w[i]);
		close(p[i][0]);
		close(p[i][1]);
	}
	ok(once, "more than one fetch can hold: each called once");
}

/* ---- timers, tasks, order ---- */

static char order[64];
static struct mux_timer *t_other;

static void
note(const char *what)
{
	strncat(order, what, sizeof(order) - strlen(order) - 1);
}

static void
on_timer(struct mux_timer *t, void *arg)
{
	(void)t;
	note(arg);
}

static void
on_timer_past(struct mux_timer *t, void *arg)
{
	note(arg);
	mux_timer_at(t, 0);
}

static void
on_timer_free(struct mux_timer *t, void *arg)
{
	note(arg);
	mux_timer_free(t);
	mux_timer_free(t_other);
}

static struct mux_timer *
timer(mux_timer_cb *cb, const char *name)
{
	struct mux_timer *t;

	if (mux_timer_new(loop, cb, (void *)(uintptr_t)name, &t) != 0)
		abort();
	return t;
}

static void
test_timers(void)
{
	struct mux_timer *a, *b, *c;
	uint64_t before;

	is_u64(mux_loop_timeout(loop), NEVER, "nothing to wait for");
	a = timer(on_timer, "a");
	b = timer(on_timer, "b");
	before = mux_loop_now(loop);
	mux_timer_at(a, before + 2 * NS_PER_MS);
	mux_timer_at(b, before + NS_PER_MS);
	ok(mux_loop_timeout(loop) <= NS_PER_MS, "sleeps until the first");
	turns(1);
	order[0] = '\0';
	while (strlen(order) < 2)
		mux_loop_turn(loop, NEVER);
	is_str(order, "ba", "in order of time");
	ok(mux_loop_now(loop) >= before + 2 * NS_PER_MS, "not too early");
	is_u64(mux_loop_timeout(loop), NEVER, "each fires once");
	mux_timer_at(a, 0);
	mux_timer_at(a, NEVER);
	order[0] = '\0';
	turns(2);
	is_str(order, "", "turned off");
	mux_timer_free(b);

	c = timer(on_timer_past, "c");
	mux_timer_at(c, 0);
	turns(1);
	is_str(order, "c", "a timer set to the past by a timer waits a turn");
	turns(1);
	is_str(order, "cc", "exactly one");
	mux_timer_free(c);

	order[0] = '\0';
	t_other = timer(on_timer, "x");
	b = timer(on_timer_free, "f");
	mux_timer_at(b, 1);
	mux_timer_at(t_other, 2);
	turns(2);
	is_str(order, "f", "freed by the timer before it");
	mux_timer_free(a);
	mux_timer_free(NULL);
}

static struct mux_task *k_other;

static void
on_task(struct mux_task *t, void *arg)
{
	(void)t;
	note(arg);
}

static void
on_task_again(struct mux_task *t, void *arg)
{
	note(arg);
	mux_task_run(t);
}

static void
on_task_free(struct mux_task *t, void *arg)
{
	note(arg);
	mux_task_free(t);
	mux_task_free(k_other);
}

static struct mux_task *
task(mux_task_cb *cb, const char *name)
{
	struct mux_task *t;

	if (mux_task_new(loop, cb, (void *)(uintptr_t)name, &t) != 0)
		abort();
	return t;
}

static void
test_tasks(void)
{
	struct mux_task *a, *b;

	order[0] = '\0';
	a = task(on_task, "a");
	mux_task_run(a);
	mux_task_run(a);
	is_u64(mux_loop_timeout(loop), 0, "a task lets nobody sleep");
	if (mux_loop_turn(loop, NEVER) != 0)
		abort();
	turns(1);
	is_str(order, "a", "asked twice, run once");
	mux_task_run(a);
	mux_task_free(a);
	turns(1);
	is_str(order, "a", "freed before it ran");

	order[0] = '\0';
	b = task(on_task_again, "b");
	mux_task_run(b);
	mux_loop_turn(loop, NEVER);
	is_str(order, "b", "a task that asks for itself waits a turn");
	mux_loop_turn(loop, NEVER);
	is_str(order, "bb", "but not longer");
	mux_task_free(b);

	order[0] = '\0';
	b = task(on_task_free, "f");
	k_other = task(on_task, "x");
	mux_task_run(b);
	mux_task_run(k_other);
	turns(2);
	is_str(order, "f", "freed by the task before it");
}

static struct mux_task *o_task;
static struct mux_timer *o_timer;

static void
on_order(struct mux_watch *w, unsigned ready, void *arg)
{
	(void)ready;
	(void)arg;
	note("w");
	mux_task_run(o_task);
	mux_timer_at(o_timer, mux_loop_now(loop));
	mux_watch_clear(w, MUX_READABLE);
}

static void
test_order(void)
{
	struct mux_watch *w;
	int p[2];

	pipe_nb(p);
	put(p[1]);
	o_task = task(on_task, "k");
	o_timer = timer(on_timer, "t");
	if (mux_watch_new(loop, p[0], on_order, NULL, &w) != 0)
		abort();
	order[0] = '\0';
	turns(1);
	is_str(order, "wtk", "watches, timers, tasks: in one turn");
	mux_watch_free(w);
	mux_task_free(o_task);
	mux_timer_free(o_timer);
	close(p[0]);
	close(p[1]);
}

/* ---- run, stop, foreign loops ---- */

static void
on_stop(struct mux_task *t, void *arg)
{
	(void)t;
	mux_loop_stop(loop, *(int *)arg);
}

static void
test_run(void)
{
	struct seen s = { 0 };
	struct mux_task *k;
	struct mux_watch *w;
	struct pollfd pfd;
	int status = 42, p[2];

	if (mux_task_new(loop, on_stop, &status, &k) != 0)
		abort();
	mux_task_run(k);
	is_u64((uint64_t)mux_loop_run(loop), 42, "the status of stop");
	status = 0;
	mux_task_run(k);
	is_u64((uint64_t)mux_loop_run(loop), 0, "and it can run again");
	mux_task_free(k);
	mux_loop_stop(loop, 3);
	is_u64((uint64_t)mux_loop_run(loop), 3, "stopped before it began");

	pipe_nb(p);
	w = watch(p[0], &s);
	pfd.fd = mux_loop_fd(loop);
	pfd.events = POLLIN;
	turns(1);
	ok(poll(&pfd, 1, 0) == 0, "the loop's descriptor is quiet");
	put(p[1]);
	ok(poll(&pfd, 1, -1) == 1, "and readable when there is work");
	turns(1);
	is_u64((uint64_t)s.n, 1, "which a turn does");
	mux_watch_free(w);
	close(p[0]);
	close(p[1]);
}

static void
on_nested(struct mux_task *t, void *arg)
{
	(void)t;
	(void)arg;
	mux_loop_turn(loop, 0);
}

static void
test_nested(void)
{
	struct mux_task *k;
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		/* The message of the assertion is expected. */
		close(2);
		if (mux_task_new(loop, on_nested, NULL, &k) != 0)
			_exit(1);
		mux_task_run(k);
		mux_loop_turn(loop, 0);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid)
		abort();
	ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT,
	    "a turn within a turn is a bug that shows");
}

/* ---- signals and children ---- */

static int n_signal, last_signal;

static void
on_signal(int signo, void *arg)
{
	n_signal++;
	last_signal = signo;
	note(arg);
}

static void
test_signals(void)
{
	union sigval v = { .sival_int = 0 };
	sigset_t before, after;
	int i, n_sent = 0;

	sigprocmask(SIG_BLOCK, NULL, &before);
	ok(!sigismember(&before, SIGUSR1), "not blocked before it is asked");
	order[0] = '\0';
	ok(mux_loop_signal(loop, SIGUSR1, on_signal,
	    (void *)(uintptr_t)"1") == 0, "a signal");
	ok(mux_loop_signal(loop, SIGRTMIN, on_signal,
	    (void *)(uintptr_t)"r") == 0, "and another");
	sigprocmask(SIG_BLOCK, NULL, &after);
	ok(sigismember(&after, SIGUSR1) && sigismember(&after, SIGRTMIN) &&
	    !sigismember(&after, SIGUSR2), "just these are blocked");
	ok(mux_loop_signal(loop, 0, on_signal, NULL) == MUX_E_INVAL &&
	    mux_loop_signal(loop, 10000, on_signal, NULL) == MUX_E_INVAL,
	    "numbers that are no signals");
	kill(getpid(), SIGUSR1);
	while (n_signal < 1)
		mux_loop_turn(loop, NEVER);
	is_str(order, "1", "it came, to its callback");
	for (i = 0; i < 1000; i++)
		n_sent += sigqueue(getpid(), SIGRTMIN, v) == 0;
	n_signal = 0;
	kill(getpid(), SIGUSR1);
	while (n_signal < n_sent + 1)
		mux_loop_turn(loop, NEVER);
	ok(n_sent > 0 && last_signal == SIGRTMIN, "a storm of %d, all of it",
	    n_sent);
	turns(3);
	is_u64((uint64_t)n_signal, (uint64_t)n_sent + 1, "and not one more");
}

static int n_child, child_status;
static struct mux_usage child_usage;

static void
on_child(struct mux_child *c, int status, void *arg)
{
	(void)arg;
	n_child++;
	child_status = status;
	mux_child_usage(c, &child_usage);
	mux_child_free(c);
}

#define BURN_NS		(30 * NS_PER_MS)
#define BURN_BYTES	(32u * 1024u * 1024u)

/* Uses so much time, itself and in the kernel, and so much memory. */
static void
burn(void)
{
	volatile char *p = malloc(BURN_BYTES);
	struct rusage used;
	size_t i;

	for (i = 0; p != NULL && i < BURN_BYTES; i += 1024)
		p[i] = 1;
	do {
		close(-1);
		getrusage(RUSAGE_SELF, &used);
	} while (used.ru_utime.tv_usec < (long)(BURN_NS / 1000) ||
	    used.ru_stime.tv_usec < (long)(BURN_NS / 1000));
}

/* Exits with the code; -1 does nothing for ever, 99 works before. */
static struct mux_child *
child(int code)
{
	struct mux_child *c;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		if (code == 99)
			burn();
		if (code >= 0)
			_exit(code);
		for (;;)
			pause();
	}
	if (mux_child_watch(loop, pid, on_child, NULL, &c) != 0)
		abort();
	n_child = 0;
	ok(mux_child_pid(c) == pid, "a child");
	return c;
}

static void
wait_child(void)
{
	while (n_child == 0)
		mux_loop_turn(loop, NEVER);
}

static void
test_children(void)
{
	struct mux_child *c;
	siginfo_t si;
	pid_t pid;

	child(7);
	wait_child();
	ok(WIFEXITED(child_status) && WEXITSTATUS(child_status) == 7,
	    "its exit status");
	ok(waitpid(-1, NULL, WNOHANG) == -1, "it was reaped");

	c = child(-1);
	turns(2);
	ok(n_child == 0, "one that stays");
	ok(mux_child_kill(c, SIGTERM) == 0, "is killed");
	wait_child();
	ok(WIFSIGNALED(child_status) && WTERMSIG(child_status) == SIGTERM,
	    "by the signal that was sent");

	c = child(5);
	pid = mux_child_pid(c);
	ok(waitpid(pid, NULL, 0) == pid, "one that somebody else reaps");
	ok(mux_child_kill(c, SIGTERM) == MUX_E_STATE, "cannot be killed");
	wait_child();
	ok(child_status == -1, "and has no status");

	c = child(0);
	pid = mux_child_pid(c);
	mux_child_free(c);
	ok(waitid(P_PID, (id_t)pid, &si, WEXITED) == 0 && si.si_pid == pid,
	    "no longer watched: ours to reap");
	turns(1);
	ok(n_child == 0, "and no callback");
	ok(mux_child_watch(loop, pid, on_child, NULL, &c) == MUX_E_IO,
	    "no such process");
}

static void
test_usage(void)
{
	struct mux_child *c;

	c = child(99);
	mux_child_usage(c, &child_usage);
	ok(child_usage.utime == 0 && child_usage.maxrss == 0,
	    "nothing is known of one that runs");
	wait_child();
	ok(child_usage.utime >= BURN_NS && child_usage.utime < 60 * NS_PER_S,
	    "its time");
	ok(child_usage.stime >= BURN_NS && child_usage.stime < 60 * NS_PER_S,
	    "its time in the kernel");
	ok(child_usage.maxrss >= BURN_BYTES &&
	    child_usage.maxrss < UINT64_C(64) * BURN_BYTES, "its memory");

	c = child(5);
	ok(waitpid(mux_child_pid(c), NULL, 0) > 0, "reaped by another");
	wait_child();
	ok(child_usage.utime == 0 && child_usage.stime == 0 &&
	    child_usage.maxrss == 0, "nothing is known of it");
}

int
main(void)
{
	if (mux_loop_new(&loop) != 0)
		abort();
	test_cached();
	test_ends();
	test_no_mask();
	test_refused();
	test_free();
	test_file();
	test_many();
	test_timers();
	test_tasks();
	test_order();
	test_run();
	test_nested();
	test_signals();
	test_children();
	test_usage();
	mux_loop_free(loop);
	mux_loop_free(NULL);
	return tap_done();
}
