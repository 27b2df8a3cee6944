// cplusplus.cc - libmux from C++17.  Standard input goes through a stream to
// a program and comes back from it; both ends of the connection live in this
// process, on one loop.  Objects of the library become unique_ptrs, its
// callbacks are functions and lambdas.
//
//	c++ -std=c++17 cplusplus.cc $(pkg-config --cflags --libs mux)
//	echo hello | ./a.out "tr a-z A-Z"

#include <sys/socket.h>
#include <unistd.h>

#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>

#include <mux_io.h>

namespace {

// Every family of the library has one function that frees: name it here.
template <auto release> struct Free {
	template <typename T> void
	operator()(T *p) const
	{
		release(p);
	}
};

using Loop = std::unique_ptr<mux_loop, Free<mux_loop_free>>;
using Addr = std::unique_ptr<mux_addr, Free<mux_addr_free>>;
using Conn = std::unique_ptr<mux_conn, Free<mux_conn_free>>;
using Child = std::unique_ptr<mux_child, Free<mux_child_free>>;

// Members are destroyed from the last to the first: the loop outlives all
// that runs on it.
struct App {
	Loop loop;
	Child child;
	Conn server, client;
	mux_relay *relay = nullptr;
	std::string program;
};

App &
app_of(void *arg)
{
	return *static_cast<App *>(arg);
}

// An answer of the library as an exception.  Only for main(): an exception
// must not leave a callback, there is C below it.
void
check(int err, const char *what)
{
	if (err != 0)
		throw std::runtime_error(std::string(what) + ": " +
		    mux_strerror(err));
}

// ---- the end that serves ----

// The program runs, or does not: that decides whether the stream is taken.
void
started(const mux_ends *ends, const mux_why *why, void *arg)
{
	App &app = app_of(arg);
	mux_child *child;

	if (ends == nullptr) {
		mux_relay_refuse(app.relay, why->code, why->text);
		return;
	}
	if (mux_relay_connect(app.relay, ends) != 0)
		mux_ends_close(ends, false);
	// Whoever has a child is told of its end, so that it is reaped.
	if (mux_child_watch(app.loop.get(), ends->child,
	    [](mux_child *, int, void *) {}, nullptr, &child) == 0)
		app.child.reset(child);
}

// The target of the stream is the command line of the program.
void
opened(mux_conn *conn, mux_stream *st, const mux_open *o, void *arg)
{
	App &app = app_of(arg);
	std::string word = "exec:" + std::string(o->target, o->target_len);
	mux_addr *addr;
	struct mux_dial *dial;	// there is a function of that name, too
	mux_why why;

	if (mux_addr_parse(word.c_str(), &addr, &why) != 0) {
		mux_stream_refuse(st, MUX_INVALID_PAYLOAD, why.text);
		return;
	}
	Addr owner(addr);
	// What comes before the program runs waits in the relay.
	if (mux_relay_attach(conn, st, nullptr, nullptr, &app.relay) == 0 &&
	    mux_dial(app.loop.get(), addr, UINT64_MAX, nullptr, started,
	    &app, &dial) != 0)
		mux_relay_refuse(app.relay, MUX_INTERNAL, nullptr);
}

// ---- the end that asks ----

void
finished(mux_relay *, const mux_relay_end *end, void *arg)
{
	if (end->code != 0)
		std::cerr << "cplusplus: " << end->how << ": " << end->text
		    << '\n';
	mux_loop_stop(app_of(arg).loop.get(), end->code == 0 ? 0 : 1);
}

// The handshake is done: our standard input and output are the other side of
// the stream.  The relay closes what it is given, so it gets copies.
void
ready(mux_conn *conn, void *arg)
{
	App &app = app_of(arg);
	mux_ends ends{};
	mux_relay *relay;

	ends.in = dup(STDIN_FILENO);
	ends.out = dup(STDOUT_FILENO);
	ends.inherited = true;	// others may have them, too
	if (mux_relay_open(conn, app.program.c_str(), &ends, finished, &app,
	    &relay) != 0)
		mux_loop_stop(app.loop.get(), 1);
}

// ---- both ----

Conn
connection(App &app, int fd, const mux_conn_ops &ops, bool initiator)
{
	mux_config cfg{};	// zero is the default of every field
	mux_ends ends{};
	mux_conn *conn;

	cfg.size = sizeof(cfg);
	cfg.initiator = initiator;
	ends.in = ends.out = fd;
	check(mux_conn_new(app.loop.get(), &ends, &cfg, &ops, &app, &conn),
	    "connection");
	return Conn(conn);
}

int
run(const char *program)
{
	// Tables of callbacks are kept by reference: declared first, they
	// are destroyed last.
	mux_conn_ops serving{}, asking{};
	App app;
	mux_loop *loop;
	int sv[2];

	serving.size = asking.size = sizeof(mux_conn_ops);
	serving.open = opened;
	asking.ready = ready;
	app.program = program;
	check(mux_loop_new(&loop), "loop");
	app.loop.reset(loop);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) != 0)
		throw std::runtime_error("socketpair");
	app.server = connection(app, sv[0], serving, false);
	app.client = connection(app, sv[1], asking, true);
	return mux_loop_run(loop);
}

} // namespace

int
main(int argc, char **argv)
{
	try {
		return run(argc > 1 ? argv[1] : "cat");
	} catch (const std::exception &e) {
		std::cerr << "cplusplus: " << e.what() << '\n';
		return 1;
	}
}
