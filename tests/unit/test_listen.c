/*
 * listen.c, bind.c and bind_unix.c: sockets of every kind, what may lie at a
 * path, two servers that want the same one, and the end of descriptors.
 */
#include <sys/mman.h>

#include <errno.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

#include "int.h"
#include "net.h"
#include "tap.h"

#define N_GOT	256
#define N_RACES	400

static struct {
	int n;
	struct mux_ends ends[N_GOT];
	struct mux_listener *free_in;	/* freed by the first accept */
	struct mux_listener *pause_in;
} got;

static int n_trouble;
static struct mux_why why, trouble;

static void
on_accept(struct mux_listener *l, const struct mux_ends *ends, void *arg)
{
	(void)l;
	(void)arg;
	need(got.n < N_GOT, "room");
	got.ends[got.n++] = *ends;
	if (got.free_in != NULL)
		mux_listener_free(got.free_in);
	got.free_in = NULL;
	if (got.pause_in != NULL)
		mux_listener_pause(got.pause_in, true);
}

static void
on_trouble(struct mux_listener *l, const struct mux_why *w, void *arg)
{
	(void)l;
	(void)arg;
	n_trouble++;
	trouble = *w;
}

/* NULL and why. */
static struct mux_listener *
try_listen(struct mux_addr *a)
{
	struct mux_listener *l = NULL;
	int err;

	memset(&why, 0, sizeof(why));
	err = mux_listen(loop, a, on_accept, NULL, &l, &why);
	mux_addr_free(a);
	need((err == 0) == (l != NULL), "out parameter");
	return l;
}

static struct mux_listener *
listens(struct mux_addr *a)
{
	struct mux_listener *l = try_listen(a);

	need(l != NULL, why.text);
	return l;
}

static void
drop_all(void)
{
	while (got.n > 0)
		close(got.ends[--got.n].in);
}

static uint16_t
port_of(const struct mux_listener *l)
{
	const char *word = mux_listener_str(l);

	return (uint16_t)atoi(strrchr(word, ':') + 1);
}

/* The files in the directory, in order, each with a blank. */
static const char *
names(void)
{
	static char list[1024];
	struct dirent **e;
	int i, n = scandir(tmp, &e, NULL, alphasort);

	list[0] = '\0';
	for (i = 0; i < n; i++) {
		if (e[i]->d_type != DT_DIR)
			sprintf(list + strlen(list), "%s ", e[i]->d_name);
		free(e[i]);
	}
	free(e);
	return list;
}

/* ---- tcp ---- */

static void
test_tcp(void)
{
	struct mux_listener *l = listens(addr("tcp:127.0.0.1:0?keepalive=9s"));
	struct mux_addr *back;
	socklen_t len = sizeof(int);
	char word[64];
	uint16_t port = port_of(l);
	int fd, v = 0;

	snprintf(word, sizeof(word), "tcp:127.0.0.1:%u", port);
	ok(port != 0, "port 0 is a real one: %u", port);
	is_str(mux_listener_str(l), word, "in a word that can be dialled");
	back = addr("%s", word);
	ok(mux_addr_check(back, MUX_AS_CARRIER, &why) == 0, "and may be");
	mux_addr_free(back);
	fd = tcp_client("127.0.0.1", port);
	pump_until(got.n == 1);
	ok(got.ends[0].in == got.ends[0].out && !got.ends[0].inherited &&
	    !got.ends[0].have_cred, "a socket of ours");
	ok(strncmp(got.ends[0].peer, "tcp:127.0.0.1:", 14) == 0, "from %s",
	    got.ends[0].peer);
	ok(fcntl(got.ends[0].in, F_GETFL) & O_NONBLOCK &&
	    fcntl(got.ends[0].in, F_GETFD) & FD_CLOEXEC, "its flags");
	getsockopt(got.ends[0].in, IPPROTO_TCP, TCP_NODELAY, &v, &len);
	ok(v != 0, "nodelay");
	getsockopt(got.ends[0].in, IPPROTO_TCP, TCP_KEEPIDLE, &v, &len);
	is_u64((uint64_t)v, 9, "keepalive=");
	ok(try_listen(addr("%s", word)) == NULL && why.err == EADDRINUSE,
	    "%s", why.text);
	/* Closed by us first: the port is in TIME_WAIT. */
	drop_all();
	close(fd);
	mux_listener_free(l);
	ok(tcp_client("127.0.0.1", port) < 0, "gone when freed");
	l = listens(addr("%s", word));
	ok(l != NULL, "and the port can be had again");
	mux_listener_free(l);
	mux_listener_free(NULL);
}

static void
test_tcp_names(void)
{
	struct mux_listener *l;
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	int a, b;

	l = listens(addr("tcp:localhost:0"));
	ok(strncmp(mux_listener_str(l), "tcp:localhost:", 14) == 0 &&
	    port_of(l) != 0, "a name of /etc/hosts: %s", mux_listener_str(l));
	a = tcp_client("127.0.0.1", port_of(l));
	ok(a >= 0, "can be reached");
	close(a);
	mux_listener_free(l);
	ok(try_listen(addr("tcp:nosuch.invalid:0")) == NULL, "%s", why.text);
	ok(try_listen(addr("tcp:192.0.2.1:0")) == NULL &&
	    why.err == EADDRNOTAVAIL, "%s", why.text);

	l = listens(addr("tcp:*:0"));
	a = tcp_client("127.0.0.1", port_of(l));
	pump_until(got.n > 0);
	ok(strncmp(got.ends[got.n - 1].peer, "tcp:127.0.0.1:", 14) == 0,
	    "all interfaces: %s", got.ends[got.n - 1].peer);
	drop_all();
	close(a);
	b = socket(AF_INET6, SOCK_STREAM, 0);
	in6.sin6_port = htons(port_of(l));
	in6.sin6_addr = in6addr_loopback;
	if (connect(b, (struct sockaddr *)&in6, sizeof(in6)) != 0) {
		ok(true, "both families # SKIP no IPv6");
	} else {
		pump_until(got.n > 0);
		ok(strncmp(got.ends[0].peer, "tcp:[::1]:", 10) == 0,
		    "both families: %s", got.ends[0].peer);
	}
	drop_all();
	close(b);
	mux_listener_free(l);
}

/* ---- unix ---- */

static unsigned
mode_at(const char *path)
{
	struct stat sb;

	return lstat(path, &sb) == 0 ? sb.st_mode & 0777 : 01000;
}

static void
test_unix(void)
{
	const char *path = in_tmp("s");
	struct mux_listener *l;
	char word[128];
	mode_t old;
	int fd;

	old = umask(0);
	l = listens(addr("unix:%s", path));
	is_u64(mode_at(path), 0600, "closed to others, without any umask");
	is_str(names(), "s ", "and nothing else lies there");
	snprintf(word, sizeof(word), "unix:%s", path);
	is_str(mux_listener_str(l), word, "its word");
	fd = unix_client(path);
	pump_until(got.n == 1);
	is_str(got.ends[0].peer, "unix:", "accepted");
	ok(got.ends[0].have_cred && got.ends[0].uid == getuid() &&
	    got.ends[0].pid == getpid(), "who it is");
	drop_all();
	close(fd);
	mux_listener_free(l);
	is_str(names(), "", "removed at the end");
	umask(0077);
	l = listens(addr("unix:%s?mode=0666", path));
	is_u64(mode_at(path), 0666, "mode=, whatever the umask");
	is_str(mux_listener_str(l), word, "the word is for those who dial");
	mux_listener_free(l);
	umask(old);
	l = listens(addr("unix:%s?mode=0400", path));
	is_u64(mode_at(path), 0400, "mode= may also take away");
	mux_listener_free(l);
}

/* Another user: 0 or the errno of connect. */
static int
as_nobody(const char *path)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		if (setgid(65534) != 0 || setuid(65534) != 0)
			_exit(255);
		_exit(unix_client(path) >= 0 ? 0 : errno);
	}
	need(waitpid(pid, &status, 0) == pid, "waitpid");
	return WEXITSTATUS(status);
}

static void
test_users(void)
{
	const char *path = in_tmp("s");
	struct mux_listener *l;

	if (getuid() != 0) {
		ok(true, "other users # SKIP needs root");
		return;
	}
	chmod(tmp, 0755);
	l = listens(addr("unix:%s", path));
	is_u64((uint64_t)as_nobody(path), EACCES, "another user is kept out");
	mux_listener_free(l);
	l = listens(addr("unix:%s?mode=0666", path));
	is_u64((uint64_t)as_nobody(path), 0, "unless let in");
	pump_until(got.n == 1);
	ok(got.ends[0].uid == 65534, "and is known");
	drop_all();
	mux_listener_free(l);
	chmod(tmp, 0700);
}

static void
refuses(const char *path, const char *what)
{
	struct stat a, b;

	need(lstat(path, &a) == 0, path);
	ok(try_listen(addr("unix:%s", path)) == NULL, "%s: %s", what,
	    why.text);
	ok(lstat(path, &b) == 0 && a.st_ino == b.st_ino && a.st_mode ==
	    b.st_mode, "and stays");
}

static void
test_occupied(void)
{
	const char *path = in_tmp("s"), *other = in_tmp("other");
	struct sockaddr_un sun = unix_name(path);
	int fd, fill[8], n = 0, srv;

	close(open(path, O_CREAT | O_RDWR, 0600));
	refuses(path, "a file");
	unlink(path);
	need(mkdir(path, 0700) == 0, "mkdir");
	refuses(path, "a directory");
	rmdir(path);
	need(symlink("nowhere", path) == 0, "symlink");
	refuses(path, "a link to nothing");
	unlink(path);
	srv = unix_server(other, 1);
	close(srv);
	need(symlink("other", path) == 0, "symlink");
	refuses(path, "a link to a dead socket");
	unlink(path);
	unlink(other);

	srv = unix_server(path, 0);
	refuses(path, "a live server");
	is_u64((uint64_t)why.err, EADDRINUSE, "errno");
	while (n < 8 && (fd = unix_client(path)) >= 0)
		fill[n++] = fd;
	refuses(path, "a live server with a full queue");
	while (n > 0)
		close(fill[--n]);
	close(srv);
	unlink(path);
	srv = socket(AF_UNIX, SOCK_DGRAM, 0);
	need(bind(srv, (struct sockaddr *)&sun, sizeof(sun)) == 0, "bind");
	refuses(path, "a live socket of another type");
	close(srv);
	is_str(names(), "s ", "nothing was left beside them");
	ok(try_listen(addr("unix:%s/none/s", tmp)) == NULL &&
	    why.err == ENOENT, "%s", why.text);
	ok(try_listen(addr("unix:%s/", tmp)) == NULL && why.err == EISDIR,
	    "%s", why.text);
}

static void
test_stale(void)
{
	const char *path = in_tmp("s");
	struct mux_listener *l;
	int fd;

	unlink(path);
	close(unix_server(path, 1));
	l = listens(addr("unix:%s", path));
	fd = unix_client(path);
	ok(fd >= 0, "a dead socket is replaced");
	close(fd);
	is_str(names(), "s ", "without a trace");
	/* Somebody takes the path away and uses it. */
	unlink(path);
	fd = unix_server(path, 1);
	mux_listener_free(l);
	is_str(names(), "s ", "what is not ours is not removed");
	close(fd);
	unlink(path);
	drop_all();
	/* A crash leaves the lock behind, but nobody holds it. */
	close(open(in_tmp("s.lock"), O_CREAT | O_RDWR, 0600));
	l = listens(addr("unix:%s", path));
	is_str(names(), "s ", "a dead lock is no hindrance");
	mux_listener_free(l);
}

static void
on_dialled(const struct mux_ends *ends, const struct mux_why *w, void *arg)
{
	(void)w;
	*(int *)arg = ends != NULL ? ends->in : -2;
}

static void
reaches(struct mux_addr *a, const char *what)
{
	struct mux_dial *d;
	int fd = -1;

	need(mux_dial(loop, a, UINT64_MAX, NULL, on_dialled, &fd, &d) == 0,
	    "dial");
	pump_until(fd != -1 && (fd == -2 || got.n > 0));
	ok(fd >= 0, "%s", what);
	close(fd);
	drop_all();
	mux_addr_free(a);
}

static void
test_names(void)
{
	const char *path = in_tmp(long_name("s"));
	struct mux_listener *l;
	char name[251];
	struct stat sb;
	int fd;

	l = listens(addr("unix:%s", path));
	is_u64(strlen(path), 300, "300 bytes of path");
	ok(strcmp(mux_listener_str(l) + 5, path) == 0, "its word");
	reaches(addr("unix:%s", path), "it answers");
	ok(try_listen(addr("unix:%s", path)) == NULL && why.err == EADDRINUSE,
	    "and is in use");
	mux_listener_free(l);
	ok(stat(path, &sb) != 0, "and goes");
	memset(name, 'n', 250);
	name[250] = '\0';
	l = listens(addr("unix:%s/%s", tmp, name));
	reaches(addr("unix:%s/%s", tmp, name), "a name of 250 bytes");
	mux_listener_free(l);
	need(chdir(tmp) == 0, "chdir");
	l = listens(addr("unix:rel"));
	is_str(mux_listener_str(l), "unix:rel", "a relative path");
	need(chdir("/") == 0, "chdir");
	fd = unix_client(in_tmp("rel"));
	ok(fd >= 0, "is there");
	close(fd);
	mux_listener_free(l);
	ok(stat(in_tmp("rel"), &sb) != 0, "and goes, from anywhere");
	l = listens(addr("unix:@mux-unit-%d", getpid()));
	reaches(addr("unix:@mux-unit-%d", getpid()), "an abstract name");
	ok(try_listen(addr("unix:@mux-unit-%d", getpid())) == NULL &&
	    why.err == EADDRINUSE, "%s", why.text);
	mux_listener_free(l);
	l = listens(addr("unix:%s/a%%3Fb", tmp));
	ok(strstr(mux_listener_str(l), "/a%3Fb") != NULL, "an odd name");
	mux_listener_free(l);
}

/* ---- two servers ---- */

struct racer {
	pid_t pid;
	int result;		/* read end */
};

/* How many are at the start, for all processes. */
static atomic_int *at_start;

static void
race_child(const char *path, int result)
{
	struct mux_listener *l;
	char c;

	/* The loop of our parent is its own. */
	need(mux_loop_new(&loop) == 0, "loop");
	/* A wake-up would take longer than what is to be raced for. */
	atomic_fetch_add(at_start, 1);
	while (atomic_load(at_start) < 2)
		sched_yield();
	l = try_listen(addr("unix:%s", path));
	c = l != NULL ? 'w' : why.err == EADDRINUSE ? 'u' : 'e';
	if (write(result, &c, 1) != 1)
		_exit(1);
	/* Lives on until it is killed. */
	for (;;)
		pause();
}

static struct racer
racer(const char *path)
{
	struct racer r;
	int result[2];

	need(pipe2(result, O_CLOEXEC) == 0, "pipe");
	fflush(stdout);
	r.pid = fork();
	if (r.pid == 0)
		race_child(path, result[1]);
	close(result[1]);
	r.result = result[0];
	return r;
}

static char
race_end(struct racer *r)
{
	char c;

	if (read(r->result, &c, 1) != 1)
		c = 'd';
	close(r->result);
	return c;
}

static void
race_kill(struct racer *r)
{
	kill(r->pid, SIGKILL);
	waitpid(r->pid, NULL, 0);
}

/* Knocks until somebody opens; false if the door was shut in our face. */
static bool
knock(const char *path, bool stale)
{
	int fd;

	while ((fd = unix_client(path)) < 0) {
		if (errno != ENOENT && !(stale && errno == ECONNREFUSED))
			return false;
		sched_yield();
	}
	close(fd);
	return true;
}

static void
test_race(void)
{
	const char *path = in_tmp("s");
	int i, n_bad = 0, n_lost = 0, n_shut = 0;
	struct racer r[2];
	char a, b;

	at_start = mmap(NULL, sizeof(*at_start), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	need(at_start != MAP_FAILED, "mmap");
	for (i = 0; i < N_RACES; i++) {
		/* Mostly beside the dead one of the time before. */
		if (i % 4 == 0)
			unlink(path);
		atomic_store(at_start, 0);
		r[0] = racer(path);
		r[1] = racer(path);
		n_shut += !knock(path, i % 4 != 0);
		a = race_end(&r[0]);
		b = race_end(&r[1]);
		n_bad += !((a == 'w' && b == 'u') || (a == 'u' && b == 'w'));
		n_lost += !knock(path, false);
		race_kill(&r[0]);
		race_kill(&r[1]);
	}
	is_u64((uint64_t)n_bad, 0, "races: one wins, the other knows why");
	is_u64((uint64_t)n_lost, 0, "and the winner is there");
	is_u64((uint64_t)n_shut, 0, "and was from the moment of its name");
	is_str(names(), "s ", "no litter but the socket of the killed");
	unlink(path);
}

/* ---- how many at once ---- */

static void
test_turns(void)
{
	struct mux_listener *l = listens(addr("unix:@mux-unit-t%d", getpid()));
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fds[100], i;
	socklen_t len;

	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
	    (size_t)snprintf(sun.sun_path + 1, 60, "mux-unit-t%d", getpid()));
	pump(2);
	for (i = 0; i < 100; i++) {
		fds[i] = socket(AF_UNIX, SOCK_STREAM, 0);
		need(connect(fds[i], (struct sockaddr *)&sun, len) == 0,
		    "connect");
	}
	pump(1);
	is_u64((uint64_t)got.n, 64, "64 in one turn");
	pump(1);
	is_u64((uint64_t)got.n, 100, "the rest in the next");
	drop_all();
	for (i = 0; i < 100; i++)
		close(fds[i]);

	mux_listener_pause(l, true);
	for (i = 0; i < 10; i++) {
		fds[i] = socket(AF_UNIX, SOCK_STREAM, 0);
		need(connect(fds[i], (struct sockaddr *)&sun, len) == 0,
		    "connect");
	}
	pump(3);
	is_u64((uint64_t)got.n, 0, "none while it pauses");
	ok(mux_loop_timeout(loop) > 0, "and no spinning");
	got.pause_in = l;
	mux_listener_pause(l, false);
	pump(3);
	is_u64((uint64_t)got.n, 1, "paused by the first that is accepted");
	got.pause_in = NULL;
	got.free_in = l;
	mux_listener_pause(l, false);
	pump(3);
	is_u64((uint64_t)got.n, 2, "freed by the next");
	drop_all();
	for (i = 0; i < 10; i++)
		close(fds[i]);
}

static void
test_starved(void)
{
	struct mux_listener *l = listens(addr("unix:%s", in_tmp("s")));
	int fds[40], i, n_ok = 0, n_before;
	const char *path = in_tmp("s");
	struct rlimit old;
	char c;

	mux_listener_on_trouble(l, on_trouble);
	pump(2);
	for (i = 0; i < 40; i++)
		fds[i] = unix_client(path);
	old = limit_fds(8);
	pump_until(n_trouble > 0);
	is_u64((uint64_t)got.n, 8, "as many as there is room for");
	is_u64((uint64_t)trouble.err, EMFILE, "%s", trouble.text);
	pump(3);
	ok(n_trouble == 1 && mux_loop_timeout(loop) > 0, "then it waits");
	for (i = 0; i < 8; i++)
		n_ok += write(got.ends[i].in, "x", 1) == 1;
	is_u64((uint64_t)n_ok, 8, "those that are in are none the worse");
	n_before = got.n;
	for (i = 0; i < 4; i++)
		close(got.ends[i].in);
	pump_until(got.n == n_before + 4);
	ok(true, "four leave, four come in");
	/* Then nobody leaves. */
	n_trouble = 0;
	pump_until(n_trouble > 11);
	pump(1);
	ok(n_trouble == 12, "the longer it lasts");
	for (i = 12, n_ok = 0; i < 40; i++)
		n_ok += read(fds[i], &c, 1) == 0;
	is_u64((uint64_t)n_ok, 28, "the others are not left waiting");
	is_u64((uint64_t)got.n, 12, "and cost nobody a place");
	unlimit_fds(old);
	pump_until(mux_loop_timeout(loop) == UINT64_MAX);
	i = unix_client(path);
	pump_until(got.n == 13);
	ok(true, "and it recovers");
	close(i);
	for (i = 4; i < 13; i++)
		close(got.ends[i].in);
	got.n = 0;
	for (i = 0; i < 40; i++)
		close(fds[i]);
	mux_listener_free(l);
}

/* ---- what we were started with ---- */

static void
test_given_fd(void)
{
	struct mux_listener *l;
	socklen_t len = sizeof(int);
	uint16_t port = 0;
	char word[64];
	int c, srv = tcp_server("127.0.0.1", 8, &port), sv[2], v = 0;

	l = listens(addr("fd:%d", srv));
	snprintf(word, sizeof(word), "tcp:127.0.0.1:%u", port);
	is_str(mux_listener_str(l), word, "a listening socket: its word");
	c = tcp_client("127.0.0.1", port);
	pump_until(got.n == 1);
	ok(!got.ends[0].inherited, "what it accepts is ours alone");
	getsockopt(got.ends[0].in, IPPROTO_TCP, TCP_NODELAY, &v, &len);
	ok(got.ends[0].kind == MUX_ENDS_TCP && v != 0, "and ready for use");
	drop_all();
	close(c);
	mux_listener_free(l);

	need(socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == 0, "socketpair");
	l = listens(addr("fd:%d", sv[0]));
	ok(got.n == 0, "a connected one: not before the first turn");
	pump(3);
	is_u64((uint64_t)got.n, 1, "but then, once");
	ok(got.ends[0].inherited && got.ends[0].in == sv[0], "as it is");
	snprintf(word, sizeof(word), "fd:%d", sv[0]);
	is_str(mux_listener_str(l), word, "its word");
	mux_listener_free(l);
	ok(fcntl(sv[0], F_GETFD) >= 0, "belongs to whoever accepted it");
	drop_all();
	close(sv[1]);
	ok(try_listen(addr("fd:%d", sv[0])) == NULL && why.err == EBADF, "%s",
	    why.text);
}

static int
systemd_child(void)
{
	int a = unix_server(in_tmp("a1"), 4), b = unix_server(in_tmp("b"), 4),
	    c = unix_server(in_tmp("a2"), 4), i, fds[3], sv[2];
	struct mux_listener *l;
	const char *word;
	char pid[16];

	fds[0] = fcntl(a, F_DUPFD, 20);
	fds[1] = fcntl(b, F_DUPFD, 20);
	fds[2] = fcntl(c, F_DUPFD, 20);
	for (i = 0; i < 3; i++)
		if (dup2(fds[i], 3 + i) != 3 + i)
			return 1;
	if (mux_loop_new(&loop) != 0)
		return 2;
	if (try_listen(addr("systemd:a")) != NULL)
		return 3;
	setenv("LISTEN_FDS", "3", 1);
	setenv("LISTEN_FDNAMES", "a:b:a", 1);
	setenv("LISTEN_PID", "1", 1);
	if (try_listen(addr("systemd:a")) != NULL)
		return 4;
	snprintf(pid, sizeof(pid), "%d", getpid());
	setenv("LISTEN_PID", pid, 1);
	if (try_listen(addr("systemd:ab")) != NULL)
		return 5;
	l = try_listen(addr("systemd:a"));
	if (l == NULL || strstr(mux_listener_str(l), "/a1") == NULL)
		return 6;
	unix_client(in_tmp("a1"));
	unix_client(in_tmp("b"));
	unix_client(in_tmp("a2"));
	pump_until(got.n == 2);
	pump(3);
	if (got.n != 2)
		return 7;
	word = mux_listener_next(l, NULL);
	if (word != mux_listener_str(l))
		return 8;
	word = mux_listener_next(l, word);
	if (word == NULL || strstr(word, "/a2") == NULL ||
	    mux_listener_next(l, word) != NULL)
		return 9;
	mux_listener_free(l);
	if (strstr(names(), "a1") == NULL)
		return 10;
	/* 3 and 5 are closed now. */
	if (try_listen(addr("systemd:")) != NULL ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, sv) != 0 || sv[0] != 3)
		return 11;
	l = try_listen(addr("systemd:a"));
	return l == NULL && strstr(why.text, "fd:3 is it") != NULL ? 0 : 12;
}

static void
test_systemd(void)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(systemd_child());
	need(waitpid(pid, &status, 0) == pid, "waitpid");
	is_u64((uint64_t)status, 0, "sockets of a service manager, by name");
}

static void
test_exec(void)
{
	struct mux_listener *l = listens(addr("exec:cat"));
	char c = 0;

	pump(3);
	is_u64((uint64_t)got.n, 1, "a program is one connection");
	ok(got.ends[0].child > 0, "with a process");
	fcntl(got.ends[0].in, F_SETFL, O_RDWR);
	ok(write(got.ends[0].in, "x", 1) == 1 &&
	    read(got.ends[0].in, &c, 1) == 1 && c == 'x', "that answers");
	close(got.ends[0].in);
	waitpid(got.ends[0].child, NULL, 0);
	got.n = 0;
	mux_listener_free(l);
	ok(try_listen(addr("exec:/nonesuch")) == NULL, "%s", why.text);
}

int
main(void)
{
	int before;

	net_begin();
	pump(1);
	before = n_fds();
	test_tcp();
	test_tcp_names();
	test_unix();
	test_users();
	test_occupied();
	test_stale();
	test_names();
	test_race();
	test_turns();
	test_starved();
	test_given_fd();
	test_systemd();
	test_exec();
	is_u64((uint64_t)n_fds(), (uint64_t)before, "nothing is left open");
	mux_loop_free(loop);
	return tap_done();
}
