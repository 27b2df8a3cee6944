/*
 * What the library promises to its host (mux(3), what it does to your
 * process): a program with habits of its own has connections, relays, lookups
 * and a child of the library run in it, and is the same afterwards.
 */
#include <sys/time.h>

#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>

#include "net.h"
#include "tap.h"

#define N_SIG		65
#define RUDE_BYTES	65536

/* ---- all of a process that the library could get at ---- */

struct state {
	struct sigaction act[N_SIG];
	sigset_t mask;
	struct rlimit limit[RLIM_NLIMITS];
	char cwd[PATH_MAX], locale[256], stdio[3][PATH_MAX];
	int flags[3], fd_flags[3];
	mode_t umask;
	char **env;
	uint64_t env_sum;
	int n_fds, n_threads;
};

static uint64_t
sum_env(void)
{
	uint64_t sum = 0;

	for (char **e = environ; *e != NULL; e++)
		for (const char *c = *e; *c != '\0'; c++)
			sum = sum * 31 + (unsigned char)*c;
	return sum;
}

static int
n_threads(void)
{
	DIR *d = opendir("/proc/self/task");
	int n = -2;	/* . and .. */

	need(d != NULL, "/proc/self/task");
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static void
note(struct state *s)
{
	char link[32];

	memset(s, 0, sizeof(*s));
	for (int i = 1; i < N_SIG; i++)
		sigaction(i, NULL, &s->act[i]);	/* libc keeps two of them */
	sigprocmask(SIG_BLOCK, NULL, &s->mask);
	for (int i = 0; i < (int)RLIM_NLIMITS; i++)
		getrlimit((__rlimit_resource_t)i, &s->limit[i]);
	need(getcwd(s->cwd, sizeof(s->cwd)) != NULL, "getcwd");
	snprintf(s->locale, sizeof(s->locale), "%s", setlocale(LC_ALL, NULL));
	for (int i = 0; i < 3; i++) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", i);
		need(readlink(link, s->stdio[i], PATH_MAX - 1) > 0, link);
		s->flags[i] = fcntl(i, F_GETFL);
		s->fd_flags[i] = fcntl(i, F_GETFD);
	}
	s->umask = umask(0);
	umask(s->umask);
	s->env = environ;
	s->env_sum = sum_env();
	s->n_fds = n_fds();
	s->n_threads = n_threads();
}

/* libc leaves garbage behind the signals that there are. */
static bool
same_set(const sigset_t *a, const sigset_t *b)
{
	for (int i = 1; i < N_SIG; i++)
		if (sigismember(a, i) != sigismember(b, i))
			return false;
	return true;
}

static bool
same_dispositions(const struct state *a, const struct state *b)
{
	const struct sigaction *x, *y;

	for (int i = 1; i < N_SIG; i++) {
		x = &a->act[i];
		y = &b->act[i];
		if (x->sa_handler != y->sa_handler ||
		    x->sa_flags != y->sa_flags ||
		    !same_set(&x->sa_mask, &y->sa_mask))
			return false;
	}
	return true;
}

static void
compare(const struct state *a, const struct state *b, const char *who)
{
	ok(same_dispositions(a, b), "%s: signal dispositions", who);
	ok(same_set(&a->mask, &b->mask), "%s: signal mask", who);
	ok(memcmp(a->limit, b->limit, sizeof(a->limit)) == 0,
	    "%s: resource limits", who);
	is_str(b->cwd, a->cwd, "%s: working directory", who);
	is_str(b->locale, a->locale, "%s: locale", who);
	is_u64(b->umask, a->umask, "%s: umask", who);
	for (int i = 0; i < 3; i++)
		ok(strcmp(a->stdio[i], b->stdio[i]) == 0 &&
		    a->flags[i] == b->flags[i] &&
		    a->fd_flags[i] == b->fd_flags[i],
		    "%s: descriptor %d", who, i);
	ok(a->env == b->env && a->env_sum == b->env_sum,
	    "%s: environment", who);
	is_u64((uint64_t)b->n_fds, (uint64_t)a->n_fds,
	    "%s: no descriptor is left", who);
	is_u64((uint64_t)b->n_threads, 1, "%s: no thread", who);
}

/* ---- work for all parts of the library ---- */

static struct {
	struct mux_listener *listener;
	struct mux_conn *server, *client;
	struct mux_relay *relay;
	struct mux_child *child;
	pid_t child_pid;
	int fd;			/* our end of what is relayed */
	const char *how;	/* the client's relay ended so */
	bool reaped;
	const char *trouble;
} w;

static void
trouble(const char *what)
{
	if (w.trouble == NULL)
		w.trouble = what;
}

static void
on_child(struct mux_child *c, int status, void *arg)
{
	(void)c;
	(void)status;
	(void)arg;
	w.reaped = true;
}

static void
on_started(const struct mux_ends *ends, const struct mux_why *why, void *arg)
{
	(void)why;
	(void)arg;
	if (ends == NULL || mux_relay_connect(w.relay, ends) != 0 ||
	    mux_child_watch(loop, ends->child, on_child, NULL,
	    &w.child) != 0) {
		trouble("start");
		return;
	}
	w.child_pid = ends->child;
}

static void
on_server_end(struct mux_relay *r, const struct mux_relay_end *end,
    void *arg)
{
	(void)r;
	(void)end;
	(void)arg;
}

static void
on_open(struct mux_conn *c, struct mux_stream *st, const struct mux_open *o,
    void *arg)
{
	struct mux_addr *a = addr("exec:%.*s", (int)o->target_len, o->target);
	struct mux_dial *d;

	(void)arg;
	if (mux_relay_attach(c, st, on_server_end, NULL, &w.relay) != 0 ||
	    mux_dial(loop, a, UINT64_MAX, NULL, on_started, NULL, &d) != 0)
		trouble("open");
	mux_addr_free(a);
}

static void
on_client_end(struct mux_relay *r, const struct mux_relay_end *end,
    void *arg)
{
	(void)r;
	(void)arg;
	w.how = end->how;
}

static void
on_ready(struct mux_conn *c, void *arg)
{
	struct mux_ends ends = { 0 };
	struct mux_relay *r;
	int sv[2];

	(void)arg;
	if (c != w.client)
		return;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
	    sv) != 0) {
		trouble("socketpair");
		return;
	}
	w.fd = sv[0];
	ends.in = ends.out = sv[1];
	if (mux_relay_open(c, "cat", &ends, on_client_end, NULL, &r) != 0)
		trouble("relay");
}

static void
on_closed(struct mux_conn *c, int err, const struct mux_why *why, void *arg)
{
	(void)c;
	(void)err;
	(void)why;
	(void)arg;
	trouble("the connection broke");
}

static const struct mux_conn_ops conn_ops = {
	.size = sizeof(conn_ops),
	.ready = on_ready,
	.open = on_open,
	.closed = on_closed,
};

static void
connect_ends(const struct mux_ends *ends, bool initiator,
    struct mux_conn **out)
{
	struct mux_config cfg = { .size = sizeof(cfg) };

	cfg.initiator = initiator;
	if (ends == NULL ||
	    mux_conn_new(loop, ends, &cfg, &conn_ops, NULL, out) != 0)
		trouble("connection");
}

static void
on_accept(struct mux_listener *l, const struct mux_ends *ends, void *arg)
{
	(void)l;
	(void)arg;
	connect_ends(ends, false, &w.server);
}

static void
on_dialled(const struct mux_ends *ends, const struct mux_why *why, void *arg)
{
	(void)why;
	(void)arg;
	connect_ends(ends, true, &w.client);
}

/* Turns until it is so, or something went wrong. */
#define turn_until(cond) \
	do { \
		while (!(cond) && w.trouble == NULL) \
			if (mux_loop_turn(loop, UINT64_MAX) != 0) \
				trouble("turn"); \
	} while (0)

/* By name, so that there is a lookup, too. */
static void
begin(void)
{
	struct mux_addr *here = addr("tcp:127.0.0.1:0"), *there;
	struct mux_dial *d;
	struct mux_why why;

	memset(&w, 0, sizeof(w));
	need(mux_loop_new(&loop) == 0, "loop");
	need(mux_listen(loop, here, on_accept, NULL, &w.listener, &why) == 0,
	    why.text);
	there = addr("tcp:localhost%s",
	    strrchr(mux_listener_str(w.listener), ':'));
	need(mux_dial(loop, there, UINT64_MAX, NULL, on_dialled, NULL,
	    &d) == 0, "dial");
	mux_addr_free(here);
	mux_addr_free(there);
	turn_until(w.child_pid != 0 && w.fd != 0);
}

static void
end(void)
{
	turn_until(w.how != NULL && w.reaped);
	mux_conn_free(w.client);
	mux_conn_free(w.server);
	mux_child_free(w.child);
	mux_listener_free(w.listener);
	mux_loop_free(loop);
}

/* A question and its answer, and both ends. */
static bool
polite(void)
{
	char buf[8];
	bool good;

	begin();
	good = write(w.fd, "hello", 5) == 5 && shutdown(w.fd, SHUT_WR) == 0;
	end();
	good = good && read(w.fd, buf, sizeof(buf)) == 5 &&
	    memcmp(buf, "hello", 5) == 0 && read(w.fd, buf, 1) == 0;
	close(w.fd);
	return good && w.trouble == NULL && strcmp(w.how, "fin") == 0;
}

/* Who does not wait for the answer: the library writes to a closed socket. */
static bool
rude(void)
{
	static const char zeros[RUDE_BYTES];
	bool good;

	begin();
	good = write(w.fd, zeros, sizeof(zeros)) == sizeof(zeros);
	close(w.fd);
	end();
	return good && w.trouble == NULL;
}

/* ---- the host ---- */

static volatile sig_atomic_t n_chld, n_pipe;

static void
on_signal(int signo)
{
	if (signo == SIGCHLD)
		n_chld = n_chld + 1;
	else
		n_pipe = n_pipe + 1;
}

static void
dispose(int signo, void (*handler)(int))
{
	struct sigaction sa = { .sa_handler = handler,
	    .sa_flags = SA_RESTART };

	sigaddset(&sa.sa_mask, SIGUSR2);
	need(sigaction(signo, &sa, NULL) == 0, "sigaction");
}

static struct {
	int out, err, in[2];
	int saved[3];
} io;

/* Standard descriptors whose every use would be seen. */
static void
watch_stdio(void)
{
	need(pipe(io.in) == 0 && write(io.in[1], "mine", 4) == 4, "pipe");
	io.out = open(in_tmp("out"), O_RDWR | O_CREAT | O_APPEND, 0600);
	io.err = open(in_tmp("err"), O_RDWR | O_CREAT | O_APPEND, 0600);
	fflush(stdout);
	for (int i = 0; i < 3; i++)
		io.saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
	need(io.out >= 0 && io.err >= 0 && dup2(io.in[0], 0) == 0 &&
	    dup2(io.out, 1) == 1 && dup2(io.err, 2) == 2, "dup2");
}

static void
unwatch_stdio(void)
{
	for (int i = 0; i < 3; i++) {
		dup2(io.saved[i], i);
		close(io.saved[i]);
	}
}

static void
check_stdio(const char *who)
{
	char buf[16] = "";

	ok(read(io.in[0], buf, sizeof(buf)) == 4 &&
	    memcmp(buf, "mine", 4) == 0, "%s: nobody read our input", who);
	ok(lseek(io.out, 0, SEEK_END) == 0, "%s: nor wrote our output", who);
	ok(lseek(io.err, 0, SEEK_END) == 0, "%s: nor our errors", who);
	close(io.in[0]);
	close(io.in[1]);
	close(io.out);
	close(io.err);
}

/* One that ends with 7 and waits to be waited for. */
static pid_t
own_child(void)
{
	struct pollfd p = { .events = POLLIN };
	int fds[2];
	pid_t pid;

	need(pipe2(fds, O_CLOEXEC) == 0, "pipe2");
	pid = fork();
	need(pid >= 0, "fork");
	if (pid == 0)
		_exit(7);
	/* its end of the pipe goes with it */
	close(fds[1]);
	p.fd = fds[0];
	while (poll(&p, 1, -1) < 0)
		continue;
	close(fds[0]);
	return pid;
}

static void
check_children(const char *who, pid_t own)
{
	int status;

	ok(waitpid(w.child_pid, NULL, WNOHANG) < 0 && errno == ECHILD,
	    "%s: its child is reaped", who);
	ok(waitpid(own, &status, 0) == own && WIFEXITED(status) &&
	    WEXITSTATUS(status) == 7, "%s: ours is ours to reap", who);
	ok(waitpid(-1, NULL, 0) < 0 && errno == ECHILD,
	    "%s: there is no other", who);
	ok(n_chld >= 2, "%s: our handler of SIGCHLD saw both", who);
}

static void
host(const char *who, void (*sigpipe)(int))
{
	struct state before, after;
	bool was_polite, was_rude;
	pid_t own;

	dispose(SIGCHLD, on_signal);
	dispose(SIGPIPE, sigpipe);
	n_chld = 0;
	own = own_child();
	watch_stdio();
	note(&before);
	was_polite = polite();
	was_rude = rude();
	note(&after);
	unwatch_stdio();
	ok(was_polite, "%s: an answer came, %s", who, w.trouble == NULL ?
	    "no trouble" : w.trouble);
	ok(was_rude, "%s: and nobody waited for another", who);
	compare(&before, &after, who);
	check_stdio(who);
	check_children(who, own);
}

/* Reaping is not ours then, and nobody must wait for ever. */
static void
ignored_children(void)
{
	dispose(SIGCHLD, SIG_IGN);
	ok(polite(), "children that nobody can reap: their end is seen");
	dispose(SIGCHLD, SIG_DFL);
}

/* ---- what is asked for is done, and no more ---- */

static int n_asked;

static void
on_asked(int signo, void *arg)
{
	(void)signo;
	(void)arg;
	n_asked++;
}

static void
asked_signal(void)
{
	struct state before, after;

	need(mux_loop_new(&loop) == 0, "loop");
	note(&before);
	need(mux_loop_signal(loop, SIGUSR1, on_asked, NULL) == 0, "signal");
	note(&after);
	ok(same_dispositions(&before, &after),
	    "mux_loop_signal: no disposition changes");
	ok(sigismember(&after.mask, SIGUSR1) == 1, "the signal is blocked");
	sigdelset(&after.mask, SIGUSR1);
	ok(same_set(&before.mask, &after.mask), "and no other");
	raise(SIGUSR1);
	pump_until(n_asked > 0);
	ok(n_asked == 1, "it comes by the loop");
	mux_loop_free(loop);
}

int
main(void)
{
	/* No test here may hang: a host has a way to see to that. */
	alarm(60);
	net_begin();
	mux_loop_free(loop);
	need(setlocale(LC_ALL, "C.UTF-8") != NULL, "locale");
	umask(0027);
	need(chdir(tmp) == 0, "chdir");
	host("SIGPIPE default", SIG_DFL);
	host("SIGPIPE ignored", SIG_IGN);
	host("SIGPIPE handled", on_signal);
	ignored_children();
	asked_signal();
	return tap_done();
}
