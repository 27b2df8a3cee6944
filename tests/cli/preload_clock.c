/*
 * preload_clock.c - time passes faster for one muxctl process, so that limits
 * of half a minute can be seen to hold: CLOCK_MONOTONIC runs CLOCK_SPEED times
 * as fast, and waits are as much shorter.  Preloaded by tests; without the
 * variable nothing changes.
 */
#include <sys/epoll.h>

#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#define NS	INT64_C(1000000000)
#define EXPORT	__attribute__((visibility("default")))

static int64_t
speed(void)
{
	const char *word = getenv("CLOCK_SPEED");
	int n = word != NULL ? atoi(word) : 1;

	return n > 0 ? n : 1;
}

EXPORT int
clock_gettime(clockid_t clock, struct timespec *ts)
{
	static int (*real)(clockid_t, struct timespec *);
	static int64_t began;
	int64_t now;
	int r;

	if (real == NULL)
		real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT,
		    "clock_gettime");
	r = real(clock, ts);
	if (r != 0 || clock != CLOCK_MONOTONIC)
		return r;
	now = ts->tv_sec * NS + ts->tv_nsec;
	if (began == 0)
		began = now;
	now = began + (now - began) * speed();
	ts->tv_sec = now / NS;
	ts->tv_nsec = now % NS;
	return 0;
}

EXPORT int
epoll_pwait2(int epfd, struct epoll_event *ev, int n,
    const struct timespec *timeout, const sigset_t *mask)
{
	static int (*real)(int, struct epoll_event *, int,
	    const struct timespec *, const sigset_t *);
	struct timespec ts;
	int64_t ns;

	if (real == NULL)
		real = (int (*)(int, struct epoll_event *, int,
		    const struct timespec *, const sigset_t *))dlsym(
		    RTLD_NEXT, "epoll_pwait2");
	if (timeout == NULL)
		return real(epfd, ev, n, NULL, mask);
	/* What is over a day need not be exact, nor overflow. */
	ns = (timeout->tv_sec < 86400 ? timeout->tv_sec : 86400) * NS +
	    timeout->tv_nsec;
	ns = ns / speed();
	ts = (struct timespec){ ns / NS, ns % NS };
	return real(epfd, ev, n, &ts, mask);
}
