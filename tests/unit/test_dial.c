/*
 * dial.c against real sockets: every scheme, what is said when it fails, who
 * is asked first, and that nothing is left behind.
 */
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/mount.h>

#include <errno.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include "int.h"
#include "net.h"
#include "tap.h"

/* What came of the last dial. */
static struct {
	int n;
	bool good;
	struct mux_ends ends;
	struct mux_why why;
} got;

static void
on_done(const struct mux_ends *ends, const struct mux_why *why, void *arg)
{
	(void)arg;
	got.n++;
	got.good = ends != NULL;
	if (ends != NULL)
		got.ends = *ends;
	else
		got.why = *why;
}

static struct mux_dial *
begin(struct mux_addr *a, uint64_t timeout, mux_dial_allow_cb *allow)
{
	struct mux_dial *d;

	memset(&got, 0, sizeof(got));
	if (mux_dial(loop, a, timeout, allow, on_done, NULL, &d) != 0)
		need(false, "mux_dial");
	mux_addr_free(a);
	return d;
}

/* Dials to the end; true if it worked. */
static bool
dial(struct mux_addr *a)
{
	begin(a, NEVER, NULL);
	pump_until(got.n > 0);
	return got.good;
}

static void
drop(void)
{
	close(got.ends.in);
	if (got.ends.out != got.ends.in)
		close(got.ends.out);
}

static int
int_option(int level, int name)
{
	socklen_t len = sizeof(int);
	int v = -1;

	getsockopt(got.ends.in, level, name, &v, &len);
	return v;
}

/* ---- tcp ---- */

static void
test_tcp(void)
{
	char peer[64];
	uint16_t port = 0;
	int srv = tcp_server("127.0.0.1", 8, &port);

	begin(addr("tcp:127.0.0.1:%u", port), NEVER, NULL);
	ok(got.n == 0, "nothing happens before the loop turns");
	pump_until(got.n > 0);
	ok(got.good, "connected");
	ok(got.ends.in == got.ends.out && !got.ends.inherited, "one socket");
	snprintf(peer, sizeof(peer), "tcp:127.0.0.1:%u", port);
	is_str(got.ends.peer, peer, "the peer");
	ok(!got.ends.have_cred && got.ends.child == 0, "no user, no process");
	ok(fcntl(got.ends.in, F_GETFL) & O_NONBLOCK, "does not block");
	ok(fcntl(got.ends.in, F_GETFD) & FD_CLOEXEC, "is not inherited");
	ok(int_option(IPPROTO_TCP, TCP_NODELAY) != 0, "nodelay");
	ok(int_option(SOL_SOCKET, SO_KEEPALIVE) == 0, "no keepalive");
	drop();
	pump(3);
	is_u64((uint64_t)got.n, 1, "done once");
	ok(dial(addr("tcp:localhost:%u", port)), "by name");
	is_str(got.ends.peer, peer, "and the address it was");
	drop();
	close(srv);
}

static void
test_options(void)
{
	struct linger linger = { 0 };
	socklen_t len = sizeof(linger);
	char cc[16] = "";
	uint16_t port = 0;
	int srv = tcp_server("127.0.0.1", 8, &port);

	ok(dial(addr("tcp:127.0.0.1:%u?nodelay=0&keepalive=15s&linger=0&"
	    "cc=reno", port)), "options");
	ok(int_option(IPPROTO_TCP, TCP_NODELAY) == 0, "nodelay=0");
	ok(int_option(SOL_SOCKET, SO_KEEPALIVE) != 0 &&
	    int_option(IPPROTO_TCP, TCP_KEEPIDLE) == 15, "keepalive=15s");
	getsockopt(got.ends.in, SOL_SOCKET, SO_LINGER, &linger, &len);
	ok(linger.l_onoff == 1 && linger.l_linger == 0, "linger=0");
	len = sizeof(cc);
	getsockopt(got.ends.in, IPPROTO_TCP, TCP_CONGESTION, cc, &len);
	is_str(cc, "reno", "cc=reno");
	drop();
	ok(!dial(addr("tcp:127.0.0.1:%u?cc=nonesuch", port)), "unknown cc");
	ok(strstr(got.why.text, "cc=: ") != NULL, "is named: %s",
	    got.why.text);
	close(srv);
}

static void
test_refused(void)
{
	char want[128];
	uint16_t port = 0;

	close(tcp_server("127.0.0.1", 1, &port));
	ok(!dial(addr("tcp:127.0.0.1:%u", port)), "nobody listens");
	snprintf(want, sizeof(want), "connect tcp:127.0.0.1:%u: "
	    "Connection refused", port);
	is_str(got.why.text, want, "says so");
	is_u64((uint64_t)got.why.err, ECONNREFUSED, "errno");
	is_u64(got.why.code, MUX_CONNECT_FAILED, "code");
	ok(!dial(addr("tcp:localhost:%u", port)), "the same by name");
	snprintf(want, sizeof(want), "connect tcp:localhost:%u "
	    "(tcp:127.0.0.1:%u): Connection refused", port, port);
	is_str(got.why.text, want, "names the address");
}

/* A port whose queue is full: connects neither succeed nor fail. */
static int
hole(const char *host, uint16_t *port, int fill[4])
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	int i, srv = tcp_server(host, 0, port);

	in.sin_port = htons(*port);
	inet_pton(AF_INET, host, &in.sin_addr);
	for (i = 0; i < 4; i++) {
		fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(fill[i], (struct sockaddr *)&in, sizeof(in));
	}
	return srv;
}

static void
unhole(int srv, int fill[4])
{
	int i;

	for (i = 0; i < 4; i++)
		close(fill[i]);
	close(srv);
}

static void
test_deadline(void)
{
	struct mux_dial *d;
	uint16_t port = 0;
	int fill[4], srv = hole("127.0.0.1", &port, fill), before = n_fds();

	begin(addr("tcp:127.0.0.1:%u", port), 30 * NS_PER_MS, NULL);
	pump_until(got.n > 0);
	ok(!got.good && got.why.err == ETIMEDOUT &&
	    got.why.code == MUX_CONNECT_FAILED, "%s", got.why.text);
	d = begin(addr("tcp:127.0.0.1:%u", port), NEVER, NULL);
	pump(3);
	mux_dial_cancel(d);
	pump(3);
	ok(got.n == 0, "cancelled: no word");
	d = begin(addr("tcp:127.0.0.1:%u", port), NEVER, NULL);
	mux_dial_cancel(d);
	pump(3);
	ok(got.n == 0, "cancelled before it began");
	mux_dial_cancel(NULL);
	is_u64((uint64_t)n_fds(), (uint64_t)before, "nothing left open");
	unhole(srv, fill);
}

/* The name need not exist, nor need there be a resolver. */
static void
test_name(void)
{
	struct mux_dial *d;
	int before = n_fds();

	begin(addr("tcp:nosuch.invalid:1"), 50 * NS_PER_MS, NULL);
	pump_until(got.n > 0);
	ok(!got.good && got.why.code == MUX_CONNECT_FAILED, "%s",
	    got.why.text);
	d = begin(addr("tcp:nosuch.invalid:1"), NEVER, NULL);
	pump(1);
	mux_dial_cancel(d);
	pump(2);
	ok(got.n == 0, "cancelled while asking");
	is_u64((uint64_t)n_fds(), (uint64_t)before, "nothing left open");
}

/* Our own idea of /etc/hosts; needs to be root. */
static bool
own_hosts(const char *text)
{
	const char *path = in_tmp("hosts");
	FILE *f;

	if (unshare(CLONE_NEWNS) != 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return false;
	f = fopen(path, "w");
	need(f != NULL, "hosts");
	fputs(text, f);
	fclose(f);
	return mount(path, "/etc/hosts", NULL, MS_BIND, NULL) == 0;
}

/* Loopback alone: no port of it is anybody else's. */
static bool
own_net(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int s;

	if (unshare(CLONE_NEWNET) != 0)
		return false;
	s = socket(AF_INET, SOCK_DGRAM, 0);
	need(ioctl(s, SIOCSIFFLAGS, &ifr) == 0, "lo up");
	close(s);
	return true;
}

static void
test_several(void)
{
	char peer[64];
	uint16_t port = 0;
	int fill[4], first, second, before;

	if (!own_net() || !own_hosts("127.0.0.1 two\n127.0.0.2 two\n")) {
		ok(true, "several addresses # SKIP needs root");
		return;
	}
	first = tcp_server("127.0.0.2", 8, &port);
	snprintf(peer, sizeof(peer), "tcp:127.0.0.2:%u", port);
	ok(dial(addr("tcp:two:%u", port)), "the first refuses");
	is_str(got.ends.peer, peer, "so it is the second");
	drop();
	second = hole("127.0.0.1", &port, fill);
	before = n_fds();
	ok(dial(addr("tcp:two:%u", port)), "the first does not answer");
	is_str(got.ends.peer, peer, "so it is the second");
	drop();
	is_u64((uint64_t)n_fds(), (uint64_t)before, "the loser is closed");
	unhole(second, fill);
	close(first);
	ok(!dial(addr("tcp:two:%u", port)), "both refuse");
	umount("/etc/hosts");
}

/* One port for all that connect: each attempt is one to itself. */
static void
test_itself(void)
{
	int f, i, n_self = 0;

	if (!own_net()) {
		ok(true, "connecting to oneself # SKIP needs root");
		return;
	}
	f = open("/proc/self/net/../../sys/net/ipv4/ip_local_port_range",
	    O_WRONLY);
	if (f < 0)
		f = open("/proc/sys/net/ipv4/ip_local_port_range", O_WRONLY);
	if (f < 0 || write(f, "40000 40001", 11) != 11) {
		ok(true, "connecting to oneself # SKIP no port range");
		return;
	}
	close(f);
	for (i = 0; i < 20; i++) {
		if (dial(addr("tcp:127.0.0.1:%d", 40000 + i % 2))) {
			n_self++;
			drop();
		}
	}
	is_u64((uint64_t)n_self, 0, "a socket that met itself is refused");
}

/* ---- unix ---- */

static void
test_unix(void)
{
	const char *path = in_tmp("s");
	char want[PATH_MAX];
	int srv = unix_server(path, 8), fd;

	ok(dial(addr("unix:%s", path)), "unix");
	snprintf(want, sizeof(want), "unix:%s", path);
	is_str(got.ends.peer, want, "the peer");
	ok(got.ends.have_cred && got.ends.uid == getuid() &&
	    got.ends.gid == getgid() && got.ends.pid == getpid(),
	    "who listens there");
	ok(fcntl(got.ends.in, F_GETFL) & O_NONBLOCK, "does not block");
	drop();
	close(srv);
	ok(!dial(addr("unix:%s", path)) && got.why.err == ECONNREFUSED,
	    "%s", got.why.text);
	ok(!dial(addr("unix:/etc/passwd")) && got.why.err == ENOTSOCK &&
	    strstr(got.why.text, ": not a socket") != NULL, "%s",
	    got.why.text);
	unlink(path);
	ok(!dial(addr("unix:%s", path)) && got.why.err == ENOENT, "%s",
	    got.why.text);
	is_u64(got.why.code, MUX_CONNECT_FAILED, "code");
	fd = open(path, O_CREAT | O_RDWR, 0600);
	close(fd);
	ok(!dial(addr("unix:%s", path)), "a file: %s", got.why.text);
	unlink(path);
}

static void
test_unix_names(void)
{
	const char *name = long_name("s"), *path = in_tmp(name);
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	socklen_t len;
	int before, srv;

	srv = unix_server(in_tmp("short"), 8);
	need(rename(in_tmp("short"), path) == 0, "rename");
	before = n_fds();
	is_u64(strlen(path), 300, "a path of 300 bytes");
	ok(dial(addr("unix:%s", path)), "leads there");
	drop();
	is_u64((uint64_t)n_fds(), (uint64_t)before, "nothing left open");
	close(srv);
	ok(!dial(addr("unix:%s", path)) && got.why.err == ECONNREFUSED,
	    "stale");
	unlink(path);
	ok(!dial(addr("unix:%s", path)) && got.why.err == ENOENT, "gone");

	srv = socket(AF_UNIX, SOCK_STREAM, 0);
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
	    (size_t)snprintf(sun.sun_path + 1, 60, "mux-unit-%d", getpid()));
	need(bind(srv, (struct sockaddr *)&sun, len) == 0, "bind");
	need(listen(srv, 8) == 0, "listen");
	ok(dial(addr("unix:@mux-unit-%d", getpid())), "an abstract name");
	drop();
	close(srv);
}

static void
test_unix_full(void)
{
	const char *path = in_tmp("full");
	int srv = unix_server(path, 0), a = unix_client(path), b;

	while ((b = unix_client(path)) >= 0)
		close(b);
	need(errno == EAGAIN, "queue full");
	begin(addr("unix:%s", path), NEVER, NULL);
	pump(5);
	ok(got.n == 0, "the queue is full: it waits");
	close(accept(srv, NULL, NULL));
	pump_until(got.n > 0);
	ok(got.good, "until there is room");
	drop();
	close(a);
	close(srv);
	unlink(path);
}

/* ---- who may ---- */

static struct {
	int n;
	bool yes, is_tcp;
	uint16_t port;
	char path[PATH_MAX];
} asked;

static bool
on_allow(const struct mux_addr *a, const struct sockaddr *sa,
    const char *path, void *arg)
{
	const struct sockaddr_in *in = (const void *)sa;

	(void)a;
	(void)arg;
	asked.n++;
	asked.is_tcp = sa != NULL;
	asked.port = sa != NULL ? ntohs(in->sin_port) : 0;
	snprintf(asked.path, sizeof(asked.path), "%s",
	    path != NULL ? path : "");
	return asked.yes;
}

static bool
dial_asking(struct mux_addr *a, bool yes)
{
	memset(&asked, 0, sizeof(asked));
	asked.yes = yes;
	begin(a, NEVER, on_allow);
	pump_until(got.n > 0);
	return got.good;
}

static void
test_allow(void)
{
	const char *path = in_tmp("s"), *link = in_tmp("link");
	char real[PATH_MAX];
	uint16_t port = 0;
	int srv = tcp_server("127.0.0.1", 8, &port), us;

	ok(!dial_asking(addr("tcp:localhost:%u", port), false), "not allowed");
	ok(asked.is_tcp && asked.port == port, "asked for the address");
	is_u64(got.why.code, MUX_NOT_PERMITTED, "%s", got.why.text);
	fcntl(srv, F_SETFL, O_NONBLOCK);
	ok(accept(srv, NULL, NULL) < 0, "not reached");
	ok(dial_asking(addr("tcp:127.0.0.1:%u", port), true), "allowed");
	drop();
	close(srv);
	ok(!dial_asking(addr("tcp:localhost:%u", port), true) &&
	    got.why.code == MUX_CONNECT_FAILED, "allowed, but not there");

	us = unix_server(path, 8);
	need(symlink("s", link) == 0, "symlink");
	need(realpath(path, real) != NULL, "realpath");
	ok(!dial_asking(addr("unix:%s", link), false) &&
	    got.why.code == MUX_NOT_PERMITTED, "a socket behind a link");
	is_str(asked.path, real, "is judged by its real path");
	ok(dial_asking(addr("unix:%s/..%s/link", tmp, strrchr(tmp, '/')),
	    true), "allowed");
	is_str(asked.path, real, "by the same path");
	drop();
	ok(!dial_asking(addr("unix:@mux-unit-none"), false), "abstract");
	is_str(asked.path, "@mux-unit-none", "by its name");
	ok(!dial_asking(addr("exec:true"), false) && asked.n == 1 &&
	    got.why.code == MUX_NOT_PERMITTED, "programs are asked for, too");
	close(us);
	unlink(path);
	unlink(link);
}

/* ---- limits ---- */

static void
test_limits(void)
{
	const char *path = in_tmp("none");
	struct rlimit old;
	uint16_t port = 0;
	int srv = tcp_server("127.0.0.1", 8, &port), before, i, n_good = 0;

	pump(1);
	before = n_fds();
	old = limit_fds(0);
	ok(!dial(addr("tcp:127.0.0.1:%u", port)) && got.why.err == EMFILE,
	    "tcp: %s", got.why.text);
	is_u64(got.why.code, MUX_REFUSED, "code");
	ok(!dial(addr("unix:%s", path)) && got.why.code == MUX_REFUSED,
	    "unix: %s", got.why.text);
	ok(!dial(addr("exec:true")) && got.why.code == MUX_REFUSED,
	    "exec: %s", got.why.text);
	unlimit_fds(old);
	close(srv);
	for (i = 0; i < 1000; i++)
		n_good += dial(addr(i % 3 == 0 ? "unix:%s%u" : i % 3 == 1 ?
		    "exec:%s/%u" : "tcp:127.0.0.1:%.0s%u", path, port));
	ok(n_good == 0, "a thousand failures");
	is_u64((uint64_t)n_fds(), (uint64_t)before - 1, "leave nothing open");
}

/* ---- what is there already ---- */

static void
test_exec(void)
{
	char buf[8] = "";
	int status;
	pid_t pid;

	ok(dial(addr("exec:sh -c 'read x; echo \"<$x>\"'")), "exec");
	pid = got.ends.child;
	ok(pid > 0 && got.ends.in == got.ends.out, "a process, one socket");
	is_str(got.ends.peer, "exec:sh -c 'read x; echo \"<$x>\"'", "its name");
	ok(fcntl(got.ends.in, F_GETFL) & O_NONBLOCK, "does not block");
	need(write(got.ends.out, "a b\n", 4) == 4, "write");
	fcntl(got.ends.in, F_SETFL, O_RDWR);
	need(read(got.ends.in, buf, sizeof(buf) - 1) > 0, "read");
	is_str(buf, "<a b>\n", "its standard input and output");
	drop();
	ok(waitpid(pid, &status, 0) == pid && status == 0, "it ends");
	ok(!dial(addr("exec:/nonesuch/x")) && got.why.err == ENOENT, "%s",
	    got.why.text);
	is_u64(got.why.code, MUX_CONNECT_FAILED, "code");
}

static void
test_fd(void)
{
	uint16_t port = 0;
	int sv[2], srv, flags;

	need(socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == 0, "socketpair");
	flags = fcntl(sv[0], F_GETFL);
	ok(dial(addr("fd:%d", sv[0])), "fd:");
	ok(got.ends.in == sv[0] && got.ends.out == sv[0] &&
	    got.ends.inherited && !got.ends.have_cred, "as it is");
	ok(fcntl(sv[0], F_GETFL) == flags, "its description is left alone");
	ok(fcntl(sv[0], F_GETFD) & FD_CLOEXEC, "but children do not get it");
	close(sv[0]);
	close(sv[1]);
	ok(!dial(addr("fd:%d", sv[0])) && got.why.err == EBADF, "%s",
	    got.why.text);
	srv = tcp_server("127.0.0.1", 8, &port);
	ok(!dial(addr("fd:%d", srv)), "%s", got.why.text);
	close(srv);
	ok(!dial(addr("fd:%d", mux_loop_fd(loop))) && got.why.err == EINVAL,
	    "%s", got.why.text);
	srv = socket(AF_INET, SOCK_DGRAM, 0);
	ok(!dial(addr("fd:%d", srv)), "%s", got.why.text);
	close(srv);
}

static bool
is_null(int fd)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat("/dev/null", &b) == 0 &&
	    a.st_rdev == b.st_rdev;
}

static int
stdio_child(int in, int out)
{
	char c = 0;

	if (dup2(in, 0) != 0 || dup2(out, 1) != 1)
		return 2;
	if (!dial(addr("-")))
		return 3;
	if (got.ends.in <= 2 || got.ends.out <= 2 || !got.ends.inherited)
		return 4;
	if (!is_null(0) || !is_null(1))
		return 5;
	if (read(got.ends.in, &c, 1) != 1 || write(got.ends.out, &c, 1) != 1)
		return 6;
	close(0);
	return dial(addr("-")) || got.why.err != EBADF ? 7 : 0;
}

static void
test_stdio(void)
{
	int in[2], out[2], status;
	char c = 0;
	pid_t pid;

	need(pipe(in) == 0 && pipe(out) == 0, "pipe");
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(stdio_child(in[0], out[1]));
	close(out[1]);
	need(write(in[1], "x", 1) == 1, "write");
	ok(read(out[0], &c, 1) == 1 && c == 'x', "standard input and output");
	need(waitpid(pid, &status, 0) == pid, "waitpid");
	is_u64((uint64_t)status >> 8, 0, "moved away, /dev/null is there");
	ok(read(out[0], &c, 1) == 0, "and gone with the process");
	close(in[0]);
	close(in[1]);
	close(out[0]);
}

static void
test_unsupported(void)
{
	ok(!dial(addr("ws://h/")) && got.why.code == MUX_UNSUPPORTED, "%s",
	    got.why.text);
}

int
main(void)
{
	net_begin();
	test_tcp();
	test_options();
	test_refused();
	test_deadline();
	test_name();
	test_unix();
	test_unix_names();
	test_unix_full();
	test_allow();
	test_exec();
	test_fd();
	test_stdio();
	test_unsupported();
	test_limits();
	test_several();
	test_itself();
	mux_loop_free(loop);
	return tap_done();
}
