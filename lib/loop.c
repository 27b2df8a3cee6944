/*
 * loop.c - one epoll set and what hangs on it: watches of descriptors,
 * timers, tasks, signals by signalfd and children by pidfd.  It knows nothing
 * of sockets or of mux; it never reads or writes a descriptor that it does
 * not own.
 *
 * A turn first lets the kernel's events only set bits and fill the ready list,
 * and runs callbacks from that list afterwards.  The invariant that follows:
 * nothing here touches a watch, timer or task after its callback was called,
 * so every callback may free anything at once, and an event that was fetched
 * for a freed watch has nowhere left to go.
 */
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <bsd/sys/queue.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "int.h"
#include "mux_io.h"
#include "timers.h"

#define N_EVENTS	128	/* fetched at once; the rest waits in epoll */
#define N_SIGNALS	(SIGRTMAX + 1)
#define ON_NONE		2	/* beside the lists 0 and 1 */

TAILQ_HEAD(watch_list, mux_watch);
TAILQ_HEAD(task_list, mux_task);

struct mux_watch {
	struct mux_loop *loop;
	mux_watch_cb *cb;
	void *arg;
	TAILQ_ENTRY(mux_watch) link;
	int fd;
	uint8_t state;		/* MUX_READABLE and so on */
	uint8_t on;		/* the ready list that holds it */
	bool always;		/* epoll does not take it: a regular file */
	bool quiet;		/* EPOLLOUT is off: nobody waits for it */
};

struct mux_timer {
	struct timer node;
	struct mux_loop *loop;
	mux_timer_cb *cb;
	void *arg;
};

struct mux_task {
	struct mux_loop *loop;
	mux_task_cb *cb;
	void *arg;
	TAILQ_ENTRY(mux_task) link;
	uint8_t on;		/* the task list that holds it */
};

struct mux_child {
	struct mux_watch *watch;
	mux_child_cb *cb;
	void *arg;
	struct mux_usage usage;	/* once it was reaped */
	pid_t pid;
	int pidfd;
};

struct signal_slot {
	mux_signal_cb *cb;
	void *arg;
};

struct mux_loop {
	int epfd;
	bool in_turn, in_timers, no_pwait2;
	bool stopped;
	int status;
	uint64_t now;		/* as of this turn */
	/* Two of each: one is filled while the other is worked off. */
	struct watch_list ready[2];
	struct task_list tasks[2];
	uint8_t fill_ready, fill_tasks;
	struct timers timers;
	size_t n_timers;
	struct signal_slot *signals;	/* by number; NULL before the first */
	struct mux_watch *sigwatch;
	int sigfd;
	sigset_t sigset;
};

static uint64_t
clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static int
error_of(int err)
{
	switch (err) {
	case ENOMEM:
	case ENOSPC:
		return MUX_E_NOMEM;
	case EBADF:
	case EEXIST:
	case EINVAL:
	case ELOOP:
		return MUX_E_INVAL;
	default:
		return MUX_E_IO;
	}
}

/* ---- the loop ---- */

int
mux_loop_new(struct mux_loop **out)
{
	struct mux_loop *l;
	int err;

	l = calloc(1, sizeof(*l));
	if (l == NULL)
		return MUX_E_NOMEM;
	l->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epfd < 0) {
		err = error_of(errno);
		free(l);
		return err;
	}
	l->sigfd = -1;
	sigemptyset(&l->sigset);
	timers_init(&l->timers);
	TAILQ_INIT(&l->ready[0]);
	TAILQ_INIT(&l->ready[1]);
	TAILQ_INIT(&l->tasks[0]);
	TAILQ_INIT(&l->tasks[1]);
	*out = l;
	return 0;
}

void
mux_loop_free(struct mux_loop *l)
{
	if (l == NULL)
		return;
	assert(!l->in_turn);
	mux_watch_free(l->sigwatch);
	if (l->sigfd >= 0)
		close(l->sigfd);
	free(l->signals);
	timers_release(&l->timers);
	close(l->epfd);
	free(l);
}

int
mux_loop_run(struct mux_loop *l)
{
	int err;

	while (!l->stopped) {
		err = mux_loop_turn(l, NEVER);
		if (err < 0)
			return err;
	}
	l->stopped = false;
	return l->status;
}

void
mux_loop_stop(struct mux_loop *l, int status)
{
	l->stopped = true;
	l->status = status;
}

int
mux_loop_fd(const struct mux_loop *l)
{
	return l->epfd;
}

uint64_t
mux_loop_now(const struct mux_loop *l)
{
	/* Between turns the time of the last one may be long ago. */
	return l->in_turn ? l->now : clock_now();
}

uint64_t
mux_loop_timeout(const struct mux_loop *l)
{
	uint64_t now, next = timers_next(&l->timers);

	if (!TAILQ_EMPTY(&l->ready[l->fill_ready]) ||
	    !TAILQ_EMPTY(&l->tasks[l->fill_tasks]) || l->stopped)
		return 0;
	if (next == NEVER)
		return NEVER;
	now = clock_now();
	return next > now ? next - now : 0;
}

static int
wait_ms(struct mux_loop *l, struct epoll_event *ev, uint64_t timeout)
{
	uint64_t ms = timeout / NS_PER_MS + (timeout % NS_PER_MS != 0);

	return epoll_wait(l->epfd, ev, N_EVENTS,
	    timeout == NEVER ? -1 : ms > INT_MAX ? INT_MAX : (int)ms);
}

static int
wait_ns(struct mux_loop *l, struct epoll_event *ev, uint64_t timeout)
{
	struct timespec ts;
	int n;

	ts.tv_sec = (time_t)(timeout / NS_PER_S);
	ts.tv_nsec = (long)(timeout % NS_PER_S);
	n = epoll_pwait2(l->epfd, ev, N_EVENTS,
	    timeout == NEVER ? NULL : &ts, NULL);
	if (n < 0 && errno == ENOSYS) {
		l->no_pwait2 = true;
		n = wait_ms(l, ev, timeout);
	}
	return n;
}

/* ---- watches ---- */

static void
enqueue(struct mux_watch *w)
{
	struct mux_loop *l = w->loop;

	if (w->on != ON_NONE)
		return;
	w->on = l->fill_ready;
	TAILQ_INSERT_TAIL(&l->ready[w->on], w, link);
}

static void
dequeue(struct mux_watch *w)
{
	if (w->on == ON_NONE)
		return;
	TAILQ_REMOVE(&w->loop->ready[w->on], w, link);
	w->on = ON_NONE;
}

/* An error or the end must be met by whoever reads and whoever writes. */
static uint8_t
state_of(uint32_t events)
{
	uint8_t state = 0;

	if (events & (EPOLLIN | EPOLLRDHUP))
		state |= MUX_READABLE;
	if (events & EPOLLOUT)
		state |= MUX_WRITABLE;
	if (events & EPOLLHUP)
		state |= MUX_HANGUP | MUX_READABLE | MUX_WRITABLE;
	if (events & EPOLLERR)
		state |= MUX_ERROR | MUX_READABLE | MUX_WRITABLE;
	return state;
}

#define EVENTS	(EPOLLIN | EPOLLRDHUP | EPOLLET)

/*
 * A unix socket reports room after each read of its peer, even to those who
 * never ran out of it.  Such news switches itself off until somebody runs
 * into EAGAIN; the change of the mask makes epoll look again, so no edge is
 * lost.  One that cannot be switched on again for want of memory is asked
 * about in every turn: who writes tries, and so the mask is tried again.
 */
static void
watch_quiet(struct mux_watch *w, bool on)
{
	struct epoll_event ev = { .events = EVENTS | (on ? 0 : EPOLLOUT),
	    .data.ptr = w };

	if (epoll_ctl(w->loop->epfd, EPOLL_CTL_MOD, w->fd, &ev) == 0)
		w->quiet = on;
	else if (!on)
		enqueue(w);
}

static void
mark(struct mux_watch *w, uint32_t events)
{
	uint8_t state = state_of(events);

	if (events == EPOLLOUT && (w->state & MUX_WRITABLE) && !w->quiet)
		watch_quiet(w, true);
	/* What is known already and was not used up is no news. */
	if ((state & ~w->state) != 0)
		enqueue(w);
	w->state |= state;
}

static void
run_ready(struct mux_loop *l)
{
	struct watch_list *list = &l->ready[l->fill_ready];
	struct mux_watch *w;

	l->fill_ready ^= 1;
	while ((w = TAILQ_FIRST(list)) != NULL) {
		dequeue(w);
		/* watch_quiet() failed: no event would come */
		if (w->quiet && !(w->state & MUX_WRITABLE))
			w->state |= MUX_WRITABLE;
		w->cb(w, w->state, w->arg);
	}
}

int
mux_watch_new(struct mux_loop *l, int fd, mux_watch_cb *cb, void *arg,
    struct mux_watch **out)
{
	struct epoll_event ev;
	struct mux_watch *w;
	int err;

	w = calloc(1, sizeof(*w));
	if (w == NULL)
		return MUX_E_NOMEM;
	w->loop = l;
	w->on = ON_NONE;
	w->fd = fd;
	w->cb = cb;
	w->arg = arg;
	ev.events = EVENTS | EPOLLOUT;
	ev.data.ptr = w;
	if (epoll_ctl(l->epfd, EPOLL_CTL_ADD, fd, &ev) != 0) {
		if (errno != EPERM) {
			err = error_of(errno);
			free(w);
			return err;
		}
		w->always = true;
		mark(w, EPOLLIN | EPOLLOUT);
	}
	*out = w;
	return 0;
}

void
mux_watch_free(struct mux_watch *w)
{
	if (w == NULL)
		return;
	dequeue(w);
	if (!w->always)
		epoll_ctl(w->loop->epfd, EPOLL_CTL_DEL, w->fd, NULL);
	free(w);
}

unsigned
mux_watch_state(const struct mux_watch *w)
{
	return w->state;
}

void
mux_watch_clear(struct mux_watch *w, unsigned what)
{
	if (w->always)
		return;
	w->state &= (uint8_t)~what;
	if ((what & MUX_WRITABLE) && w->quiet)
		watch_quiet(w, false);
}

void
mux_watch_again(struct mux_watch *w)
{
	enqueue(w);
}

/* ---- timers ---- */

static void
run_timers(struct mux_loop *l)
{
	struct mux_timer *t;
	struct timer *node;

	l->in_timers = true;
	while ((node = timers_due(&l->timers, l->now)) != NULL) {
		t = container_of(node, struct mux_timer, node);
		t->cb(t, t->arg);
	}
	l->in_timers = false;
}

int
mux_timer_new(struct mux_loop *l, mux_timer_cb *cb, void *arg,
    struct mux_timer **out)
{
	struct mux_timer *t;

	if (timers_reserve(&l->timers, l->n_timers + 1) != 0)
		return MUX_E_NOMEM;
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return MUX_E_NOMEM;
	l->n_timers++;
	t->loop = l;
	t->cb = cb;
	t->arg = arg;
	*out = t;
	return 0;
}

void
mux_timer_free(struct mux_timer *t)
{
	if (t == NULL)
		return;
	timers_clear(&t->loop->timers, &t->node);
	t->loop->n_timers--;
	free(t);
}

void
mux_timer_at(struct mux_timer *t, uint64_t at)
{
	struct mux_loop *l = t->loop;

	/* A timer that is set to a past time by a timer would never let the
	 * turn end. */
	if (l->in_timers && at <= l->now)
		at = l->now + 1;
	timers_set(&l->timers, &t->node, at);
}

/* ---- tasks ---- */

static void
run_tasks(struct mux_loop *l)
{
	struct task_list *list = &l->tasks[l->fill_tasks];
	struct mux_task *t;

	l->fill_tasks ^= 1;
	while ((t = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, t, link);
		t->on = ON_NONE;
		t->cb(t, t->arg);
	}
}

int
mux_task_new(struct mux_loop *l, mux_task_cb *cb, void *arg,
    struct mux_task **out)
{
	struct mux_task *t;

	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return MUX_E_NOMEM;
	t->loop = l;
	t->on = ON_NONE;
	t->cb = cb;
	t->arg = arg;
	*out = t;
	return 0;
}

void
mux_task_free(struct mux_task *t)
{
	if (t == NULL)
		return;
	if (t->on != ON_NONE)
		TAILQ_REMOVE(&t->loop->tasks[t->on], t, link);
	free(t);
}

void
mux_task_run(struct mux_task *t)
{
	struct mux_loop *l = t->loop;

	if (t->on != ON_NONE)
		return;
	t->on = l->fill_tasks;
	TAILQ_INSERT_TAIL(&l->tasks[t->on], t, link);
}

/* ---- a turn ---- */

int
mux_loop_turn(struct mux_loop *l, uint64_t timeout)
{
	struct epoll_event ev[N_EVENTS];
	int err, i, n;

	assert(!l->in_turn);
	l->in_turn = true;
	timeout = min_u64(timeout, mux_loop_timeout(l));
	n = l->no_pwait2 ? wait_ms(l, ev, timeout) : wait_ns(l, ev, timeout);
	err = n < 0 && errno != EINTR ? MUX_E_IO : 0;
	l->now = clock_now();
	for (i = 0; i < n; i++)
		mark(ev[i].data.ptr, ev[i].events);
	if (err == 0) {
		run_ready(l);
		run_timers(l);
		run_tasks(l);
	}
	l->in_turn = false;
	return err;
}

/* ---- signals ---- */

static void
on_sigfd(struct mux_watch *w, unsigned ready, void *arg)
{
	struct mux_loop *l = arg;
	struct signalfd_siginfo info;
	struct signal_slot *slot;
	ssize_t n;

	(void)ready;
	n = read(l->sigfd, &info, sizeof(info));
	if (n != (ssize_t)sizeof(info)) {
		if (n >= 0 || errno != EINTR)
			mux_watch_clear(w, MUX_READABLE);
		else
			mux_watch_again(w);
		return;
	}
	/* One in each turn: a storm of signals leaves room for the rest. */
	mux_watch_again(w);
	slot = &l->signals[info.ssi_signo];
	if (slot->cb != NULL)
		slot->cb((int)info.ssi_signo, slot->arg);
}

/* Makes what all signals share, or does nothing if it is there. */
static int
signals_begin(struct mux_loop *l)
{
	int err;

	if (l->signals == NULL) {
		l->signals = calloc((size_t)N_SIGNALS, sizeof(*l->signals));
		if (l->signals == NULL)
			return MUX_E_NOMEM;
	}
	if (l->sigfd < 0) {
		l->sigfd = signalfd(-1, &l->sigset,
		    SFD_NONBLOCK | SFD_CLOEXEC);
		if (l->sigfd < 0)
			return error_of(errno);
	}
	if (l->sigwatch == NULL) {
		err = mux_watch_new(l, l->sigfd, on_sigfd, l, &l->sigwatch);
		if (err != 0)
			return err;
	}
	return 0;
}

int
mux_loop_signal(struct mux_loop *l, int signo, mux_signal_cb *cb, void *arg)
{
	sigset_t one;
	int err;

	sigemptyset(&one);
	if (signo >= N_SIGNALS || sigaddset(&one, signo) != 0)
		return MUX_E_INVAL;
	err = signals_begin(l);
	if (err != 0)
		return err;
	sigaddset(&l->sigset, signo);
	if (pthread_sigmask(SIG_BLOCK, &one, NULL) != 0 ||
	    signalfd(l->sigfd, &l->sigset, 0) < 0)
		return MUX_E_IO;
	l->signals[signo].cb = cb;
	l->signals[signo].arg = arg;
	return 0;
}

/* ---- children ---- */

static int
status_of(const siginfo_t *si)
{
	switch (si->si_code) {
	case CLD_EXITED:
		return W_EXITCODE(si->si_status, 0);
	case CLD_DUMPED:
		return W_EXITCODE(0, si->si_status) | WCOREFLAG;
	default:
		return W_EXITCODE(0, si->si_status);
	}
}

/* What waitid(2) fills in: that of libc has wider times on some machines. */
struct kernel_usage {
	struct { long sec, usec; } utime, stime;
	long maxrss, rest[13];
};

static uint64_t
ns_of(long sec, long usec)
{
	return (uint64_t)sec * NS_PER_S + (uint64_t)usec * (NS_PER_MS / 1000);
}

/*
 * The call of the kernel tells what the child used, that of libc does not.
 * >0: reaped, 0: not yet, -1: it is not ours any more.
 */
static int
reap(struct mux_child *c, int *status)
{
	siginfo_t si = { 0 };
	struct kernel_usage used;

	if (syscall(SYS_waitid, P_PIDFD, c->pidfd, &si, WEXITED | WNOHANG,
	    &used) != 0)
		return -1;
	if (si.si_pid == 0)
		return 0;
	*status = status_of(&si);
	c->usage.utime = ns_of(used.utime.sec, used.utime.usec);
	c->usage.stime = ns_of(used.stime.sec, used.stime.usec);
	c->usage.maxrss = (uint64_t)used.maxrss * 1024;
	return 1;
}

static void
on_pidfd(struct mux_watch *w, unsigned ready, void *arg)
{
	struct mux_child *c = arg;
	int status = -1;	/* somebody else has reaped it */

	(void)ready;
	if (reap(c, &status) == 0) {
		mux_watch_clear(w, MUX_READABLE);
		return;
	}
	mux_watch_free(w);
	c->watch = NULL;
	c->cb(c, status, c->arg);
}

int
mux_child_watch(struct mux_loop *l, pid_t pid, mux_child_cb *cb, void *arg,
    struct mux_child **out)
{
	struct mux_child *c;
	int err;

	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return MUX_E_NOMEM;
	c->pid = pid;
	c->cb = cb;
	c->arg = arg;
	c->pidfd = pidfd_open(pid, 0);	/* is born CLOEXEC */
	if (c->pidfd < 0) {
		err = error_of(errno);
		goto fail;
	}
	err = mux_watch_new(l, c->pidfd, on_pidfd, c, &c->watch);
	if (err != 0)
		goto fail;
	*out = c;
	return 0;
fail:
	if (c->pidfd >= 0)
		close(c->pidfd);
	free(c);
	return err;
}

void
mux_child_free(struct mux_child *c)
{
	if (c == NULL)
		return;
	mux_watch_free(c->watch);
	close(c->pidfd);
	free(c);
}

void
mux_child_usage(const struct mux_child *c, struct mux_usage *out)
{
	*out = c->usage;
}

pid_t
mux_child_pid(const struct mux_child *c)
{
	return c->pid;
}

int
mux_child_kill(struct mux_child *c, int signo)
{
	if (pidfd_send_signal(c->pidfd, signo, NULL, 0) == 0)
		return 0;
	return errno == ESRCH ? MUX_E_STATE : error_of(errno);
}
