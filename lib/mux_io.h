/*
 * mux_io.h - the I/O floor of libmux: a loop, addresses, connections, relays
 * and child processes.  Everything here that has a descriptor runs on one
 * struct mux_loop, in the thread that turns it.
 *
 * Three ways in: bring your own bytes (mux.h), your own loop (mux_loop_fd(),
 * mux_loop_timeout() and mux_loop_turn() inside it), or nothing
 * (mux_loop_run()).
 *
 * The library touches no signal disposition, no working directory, umask or
 * locale of its host, reaps only children that it started itself (by pidfd),
 * prints nothing and never exits.  Splice needs SIGPIPE to be ignored or
 * handled; where it is SIG_DFL the connection copies instead.
 */
#ifndef MUX_IO_H
#define MUX_IO_H

#include <sys/types.h>

#include "mux.h"

#ifdef __cplusplus
extern "C" {
#endif
/* What is declared here is exported; the rest of the library is hidden. */
#pragma GCC visibility push(default)

/*
 * Why something failed, for people: "connect unix:a.sock: No such file or
 * directory".  `text` may hold peer or user bytes: encode before printing.
 */
struct mux_why {
	int err;		/* errno, or 0 */
	uint32_t code;		/* MUX_* code for the wire, or 0 */
	char text[400];
};

/* ---- loop ---- */

struct mux_loop;
struct mux_watch;
struct mux_timer;
struct mux_task;

#define MUX_READABLE	1u
#define MUX_WRITABLE	2u
#define MUX_HANGUP	4u	/* both directions are shut; read to the end */
#define MUX_ERROR	8u	/* the socket has an error; getsockopt */

int mux_loop_new(struct mux_loop **out);
void mux_loop_free(struct mux_loop *);	/* after all that runs on it */
int mux_loop_run(struct mux_loop *);	/* until mux_loop_stop(); its status */
void mux_loop_stop(struct mux_loop *, int status);
/* One turn; waits at most `timeout` ns (0 = not at all, UINT64_MAX = for
 * ever).  0 or MUX_E_IO. */
int mux_loop_turn(struct mux_loop *, uint64_t timeout);
int mux_loop_fd(const struct mux_loop *);	/* readable = turn it */
uint64_t mux_loop_timeout(const struct mux_loop *);	/* ns till due */
/* CLOCK_MONOTONIC as of this turn. */
uint64_t mux_loop_now(const struct mux_loop *);

/*
 * A descriptor under watch: registered once, edge-triggered, for everything.
 * Readiness is cached: the callback runs once in each turn in which new
 * readiness arrived or mux_watch_again() was called.  Whoever gets EAGAIN
 * says mux_watch_clear().  Regular files are always ready.  The descriptor
 * stays the caller's: free the watch before closing it.
 */
typedef void mux_watch_cb(struct mux_watch *, unsigned ready, void *arg);
int mux_watch_new(struct mux_loop *, int fd, mux_watch_cb *, void *arg,
    struct mux_watch **out);
void mux_watch_free(struct mux_watch *);
unsigned mux_watch_state(const struct mux_watch *);
void mux_watch_clear(struct mux_watch *, unsigned what);
void mux_watch_again(struct mux_watch *);	/* call me next turn too */

typedef void mux_timer_cb(struct mux_timer *, void *arg);
int mux_timer_new(struct mux_loop *, mux_timer_cb *, void *arg,
    struct mux_timer **out);
void mux_timer_free(struct mux_timer *);
void mux_timer_at(struct mux_timer *, uint64_t at);  /* UINT64_MAX = off */

/* A task runs once at the end of the turn in which mux_task_run() was called
 * (any number of times), after all watches and timers. */
typedef void mux_task_cb(struct mux_task *, void *arg);
int mux_task_new(struct mux_loop *, mux_task_cb *, void *arg,
    struct mux_task **out);
void mux_task_free(struct mux_task *);
void mux_task_run(struct mux_task *);

/* Signals by signalfd.  Blocks `signo` in the calling thread: only on this
 * request does the library touch the mask.  One callback per signo. */
typedef void mux_signal_cb(int signo, void *arg);
int mux_loop_signal(struct mux_loop *, int signo, mux_signal_cb *, void *arg);

/* The end of a child by pidfd; `status` as from waitpid().  Reaps it. */
struct mux_child;
typedef void mux_child_cb(struct mux_child *, int status, void *arg);
int mux_child_watch(struct mux_loop *, pid_t pid, mux_child_cb *, void *arg,
    struct mux_child **out);
void mux_child_free(struct mux_child *);	/* stops watching only */
/* What it used, itself and the children it waited for; in the callback or
 * after it, until then 0.  The peak of memory counts what it had before it
 * started its program. */
struct mux_usage {
	uint64_t utime, stime;	/* ns */
	uint64_t maxrss;	/* bytes */
};
void mux_child_usage(const struct mux_child *, struct mux_usage *);
pid_t mux_child_pid(const struct mux_child *);
int mux_child_kill(struct mux_child *, int signo);	/* by pidfd */

/* ---- addresses: muxaddr(7) ---- */

enum mux_scheme {
	MUX_UNIX, MUX_TCP, MUX_TLS, MUX_WS, MUX_WSS, MUX_SEQPACKET, MUX_UDP,
	MUX_DTLS, MUX_EXEC, MUX_SSH, MUX_FD, MUX_SYSTEMD, MUX_STDIO
};

struct mux_addr;

/* 0; or MUX_E_INVAL with *why naming the word and what was expected. */
int mux_addr_parse(const char *word, struct mux_addr **out,
    struct mux_why *why);
void mux_addr_free(struct mux_addr *);
struct mux_addr *mux_addr_dup(const struct mux_addr *);	/* NULL = no memory */
enum mux_scheme mux_addr_scheme(const struct mux_addr *);
/* The canonical form; good as long as the address. */
const char *mux_addr_str(const struct mux_addr *);
/* Parts; NULL where the scheme has none. */
const char *mux_addr_path(const struct mux_addr *);	/* unix; '@' first =
							   abstract */
const char *mux_addr_host(const struct mux_addr *);	/* no brackets */
uint16_t mux_addr_port(const struct mux_addr *);
const char *mux_addr_command(const struct mux_addr *);	/* exec */
/* Value of an option, or NULL. */
const char *mux_addr_option(const struct mux_addr *, const char *key);
/* Is it fine as a carrier, a listener, a target?  0, or MUX_E_INVAL and why
 * (unsupported scheme, beyond loopback without insecure=1, ...). */
enum mux_role { MUX_AS_CARRIER, MUX_AS_LISTENER, MUX_AS_LOCAL, MUX_AS_TARGET };
int mux_addr_check(const struct mux_addr *, enum mux_role,
    struct mux_why *why);

/*
 * Tunnel specs (cli.md section 1): [BIND:]PORT:HOST:HOSTPORT,
 * [BIND:]PORT:SOCKET, SOCKET:HOST:HOSTPORT, SOCKET:SOCKET and LISTEN=TARGET.
 * `target` is the word that goes on the wire.  free() it.
 */
int mux_spec_parse(const char *spec, struct mux_addr **listen, char **target,
    struct mux_why *why);

/* Words as in exec: and -x: blanks, '...', "...", backslash; nothing else is
 * special.  A NULL-terminated vector; free() it as one block. */
int mux_split_words(const char *line, char ***out, struct mux_why *why);

/*
 * Rules of --allow-target / --deny-target: tcp:HOST:PORTS, unix:PATTERN.
 */
struct mux_rule;
int mux_rule_parse(const char *word, struct mux_rule **out,
    struct mux_why *why);
void mux_rule_free(struct mux_rule *);
const char *mux_rule_str(const struct mux_rule *);
/* `asked` as the peer named it; `sa` the address about to be dialled (TCP),
 * or NULL and `path` after realpath (unix). */
struct sockaddr;
bool mux_rule_match(const struct mux_rule *, const struct mux_addr *asked,
    const struct sockaddr *sa, const char *path);

/* ---- dialling and listening ---- */

/*
 * What came of a dial or an accept: one socket (in == out), or a pair of
 * descriptors.  They are the receiver's to close.  `peer` is for logs.
 */
enum mux_ends_kind {
	MUX_ENDS_ANY,		/* not known: looked at when it is used */
	MUX_ENDS_TCP,		/* one stream socket that does not block and */
	MUX_ENDS_UNIX		/* whose options are as they should be */
};
struct mux_ends {
	int in, out;
	enum mux_ends_kind kind;
	pid_t child;		/* exec: its process, else 0 */
	bool have_cred;		/* unix: */
	uid_t uid;
	gid_t gid;
	pid_t pid;		/* for logs only, never for trust */
	bool inherited;		/* stdio and fd: (shared descriptions) */
	char peer[128];		/* "tcp:127.0.0.1:4711", "unix:" */
};
/* For ends that nobody took over.  With `reset` the other side learns of an
 * error where its kind of socket can tell: TCP sends RST. */
void mux_ends_close(const struct mux_ends *, bool reset);

/*
 * Dials without blocking: names are looked up, each candidate is tried, first
 * one wins, within `timeout` ns.  `allow`, if not NULL, is asked before each
 * connect(2) with the address about to be dialled (rules of serve).  done()
 * runs once, from the loop, never from within mux_dial(); the dial frees
 * itself then.  mux_dial_cancel() before that: done() never runs.
 */
struct mux_dial;
typedef bool mux_dial_allow_cb(const struct mux_addr *, const struct sockaddr *,
    const char *path, void *arg);
typedef void mux_dial_cb(const struct mux_ends *, const struct mux_why *why,
    void *arg);	/* ends == NULL: failed */
int mux_dial(struct mux_loop *, const struct mux_addr *, uint64_t timeout,
    mux_dial_allow_cb *allow, mux_dial_cb *done, void *arg,
    struct mux_dial **out);
void mux_dial_cancel(struct mux_dial *);

/*
 * Binds and listens at once (unix: 0600 from birth, a stale socket replaced
 * only if nobody answers).  For stdio, fd: of a connected socket and exec:
 * accept() runs once, at the first turn.
 */
struct mux_listener;
typedef void mux_accept_cb(struct mux_listener *, const struct mux_ends *,
    void *arg);
int mux_listen(struct mux_loop *, const struct mux_addr *, mux_accept_cb *,
    void *arg, struct mux_listener **out, struct mux_why *why);
/* Stops accepting, removes a unix socket that is still ours. */
void mux_listener_free(struct mux_listener *);
/* Canonical address with the real port; good as long as the listener. */
const char *mux_listener_str(const struct mux_listener *);
/* The words of all sockets, from NULL to NULL: there is more than one only if
 * several were handed over together. */
const char *mux_listener_next(const struct mux_listener *, const char *word);
/* Suspends and resumes accepting (limits). */
void mux_listener_pause(struct mux_listener *, bool on);
/* Called (if set) when accept fails for want of descriptors or memory. */
void mux_listener_on_trouble(struct mux_listener *,
    void (*)(struct mux_listener *, const struct mux_why *, void *arg));

/* ---- connection: a session on descriptors ---- */

struct mux_conn;

struct mux_conn_ops {
	size_t size;
	void (*ready)(struct mux_conn *, void *arg);
	void (*open)(struct mux_conn *, struct mux_stream *,
	    const struct mux_open *, void *arg);
	void (*call)(struct mux_conn *, struct mux_call *,
	    const struct mux_request *, void *arg);
	void (*drain)(struct mux_conn *, void *arg);
	void (*tap)(struct mux_conn *, const struct mux_tap *, void *arg);
	/*
	 * It is over: every stream has been told.  Err is MUX_E_DONE for a
	 * clean end.  The owner calls mux_conn_free(), here or later.
	 */
	void (*closed)(struct mux_conn *, int err, const struct mux_why *,
	    void *arg);
};

/* Takes over ends->in and ends->out on success.  cfg->initiator decides who
 * speaks first. */
int mux_conn_new(struct mux_loop *, const struct mux_ends *ends,
    const struct mux_config *, const struct mux_conn_ops *, void *arg,
    struct mux_conn **out);
void mux_conn_free(struct mux_conn *);
struct mux_session *mux_conn_session(const struct mux_conn *);
struct mux_loop *mux_conn_loop(const struct mux_conn *);
const char *mux_conn_peer(const struct mux_conn *);
void *mux_conn_arg(const struct mux_conn *);
void mux_conn_drain(struct mux_conn *, uint64_t grace);
void mux_conn_abort(struct mux_conn *, uint32_t code, const char *text);
/*
 * Runs once, from the loop, as soon as mux_session_room() is true; a second
 * call replaces the first, NULL takes it back.
 */
void mux_conn_on_room(struct mux_conn *,
    void (*room)(struct mux_conn *, void *arg), void *arg);
/* Never splice on this connection (tests, recordings). */
void mux_conn_copy_only(struct mux_conn *);

/* ---- relay: a stream <-> descriptors, with exact half-close ---- */

struct mux_relay;

/* How a relay ended. */
struct mux_relay_end {
	uint64_t bytes_in;	/* from the descriptors into the stream */
	uint64_t bytes_out;	/* from the stream to the descriptors */
	uint64_t duration;	/* ns */
	uint32_t code;		/* 0 = both directions ended with END */
	bool by_peer;		/* the reset, refusal or STOP was the peer's */
	bool accepted;		/* STREAM_OK was sent or received */
	const char *how;	/* fin, reset, refused, carrier-lost (static) */
	char text[200];		/* the reason; vis-unsafe */
};
/* Runs once; the relay is gone after it.  Not run after mux_relay_free(). */
typedef void mux_relay_cb(struct mux_relay *, const struct mux_relay_end *,
    void *arg);

/*
 * Opener: opens a stream to `target` and relays.  Takes over the ends on
 * success.  The relay begins to read at once (early data).
 */
int mux_relay_open(struct mux_conn *, const char *target,
    const struct mux_ends *, mux_relay_cb *, void *arg,
    struct mux_relay **out);
/*
 * Acceptor, inside open(): takes the stream and holds early data until
 * mux_relay_connect() gives it descriptors (and sends STREAM_OK) or
 * mux_relay_refuse() sends an ERROR with code and text.
 */
int mux_relay_attach(struct mux_conn *, struct mux_stream *, mux_relay_cb *,
    void *arg, struct mux_relay **out);
int mux_relay_connect(struct mux_relay *, const struct mux_ends *);
void mux_relay_refuse(struct mux_relay *, uint32_t code, const char *text);
/* Called (if set) when nobody reads the descriptors any more and the peer is
 * told to stop.  In the middle of things: it may only take note of it. */
void mux_relay_on_stopped(struct mux_relay *,
    void (*stopped)(struct mux_relay *, void *arg));
/*
 * Whose end says less than the status of its program: END is held back when
 * the descriptors come to their end, and ended() (may be NULL) is called, in
 * the middle of things: it may only take note of it.  mux_relay_settle() says
 * how it ended, before or after that: 0 = END, else the stream is reset behind
 * the last byte.  Not from within a callback of the relay.
 */
void mux_relay_hold(struct mux_relay *,
    void (*ended)(struct mux_relay *, void *arg));
void mux_relay_settle(struct mux_relay *, uint32_t code, const char *text);
/* Resets the stream and the descriptors. */
void mux_relay_free(struct mux_relay *);
struct mux_stream *mux_relay_stream(const struct mux_relay *);

/* ---- inlets and outlets: one descriptor at the end of a body ---- */

/*
 * From a descriptor into the body of a call, or a stream.  ready() is the
 * owner's cue for mux_call_ready(); it then asks from its own fill().  A read
 * that fails is told once by failed(), never as an end.  Both run from the
 * loop, not from within a function of the inlet.
 */
struct mux_inlet;
struct mux_inlet_ops {
	size_t size;
	void (*ready)(struct mux_inlet *, void *arg);
	void (*failed)(struct mux_inlet *, int err, void *arg);	/* errno */
};
/* Takes over the descriptor on success.  `inherited`: others share it, so it
 * is not made nonblocking for them.  0, MUX_E_NOMEM, MUX_E_INVAL (it is watched
 * already: use dup(2)) or MUX_E_IO. */
int mux_inlet_new(struct mux_loop *, int fd, bool inherited,
    const struct mux_inlet_ops *, void *arg, struct mux_inlet **out);
/* For fill(): up to max bytes; sets MUX_FILL_END when the end was read. */
size_t mux_inlet_fill(struct mux_inlet *, void *buf, size_t max,
    unsigned *flags);
uint64_t mux_inlet_bytes(const struct mux_inlet *);	/* read so far */
void mux_inlet_free(struct mux_inlet *);	/* closes it */

/*
 * From data() into a descriptor.  What it does not take at once waits, as
 * much as the credit of the body allows.
 */
struct mux_outlet;
struct mux_outlet_ops {
	size_t size;
	/* All run from the loop, not from within a function of the outlet.
	 * n bytes that waited have left: the owner consumes them. */
	void (*left)(struct mux_outlet *, size_t n, void *arg);
	/* After mux_outlet_end(): all has left, and it is closed. */
	void (*ended)(struct mux_outlet *, void *arg);
	/* Nothing can be written any more (EPIPE: nobody reads), or close(2)
	 * says that what was written is not there.  Bytes that
	 * wait and all that come count as having left, by left() and by
	 * mux_outlet_write().  ended() does not follow. */
	void (*failed)(struct mux_outlet *, int err, void *arg);
};
int mux_outlet_new(struct mux_loop *, int fd, bool inherited,
    const struct mux_outlet_ops *, void *arg, struct mux_outlet **out);
/* How many of the n bytes have left already, or MUX_E_NOMEM: none is kept, and
 * failed() follows. */
ssize_t mux_outlet_write(struct mux_outlet *, const void *p, size_t n);
void mux_outlet_end(struct mux_outlet *);
size_t mux_outlet_waiting(const struct mux_outlet *);
uint64_t mux_outlet_bytes(const struct mux_outlet *);	/* written so far */
void mux_outlet_free(struct mux_outlet *);	/* closes it */

/* ---- child processes ---- */

/*
 * Starts argv[0] (looked up in PATH) with default signals, an empty mask and
 * no descriptors but 0-2.  fds[i] < 0 means: inherit ours.
 */
struct mux_spawn {
	size_t size;
	char *const *argv;
	char *const *envp;	/* NULL = ours */
	const char *cwd;	/* NULL = ours */
	int fds[3];
	bool setsid;
};
/* 0 and *pid, or MUX_E_IO and *why (exec errors included). */
int mux_spawn(const struct mux_spawn *, pid_t *pid, struct mux_why *why);
/*
 * The same with pipes of our own for 0 and 1, and for 2 too if err is not
 * NULL; s->fds counts only for the others.  ends->in reads what the program
 * writes, ends->out writes what it reads; ends->child is its pid.  Our ends
 * do not block, the program's do.
 */
int mux_spawn_piped(const struct mux_spawn *, struct mux_ends *ends, int *err,
    struct mux_why *why);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
