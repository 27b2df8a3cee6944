/*
 * tap.h - what a test program needs to speak TAP to prove(1).  For the one
 * file that holds main(); a check names what it expects, prints one line and
 * gives its verdict, so that a caller may stop a loop at the first failure.
 */
#ifndef TAP_H
#define TAP_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static struct {
	unsigned n_run, n_failed;
	uint32_t seed;
} tap;

#define ok(cond, ...)	tap_ok((cond), __FILE__, __LINE__, __VA_ARGS__)

#define is_u64(got, want, ...) \
	tap_u64((got), (want), __FILE__, __LINE__, __VA_ARGS__)

#define is_str(got, want, ...) \
	tap_str((got), (want), __FILE__, __LINE__, __VA_ARGS__)

static inline bool
tap_v(bool good, const char *file, int line, const char *fmt, va_list ap)
{
	tap.n_run++;
	tap.n_failed += good ? 0 : 1;
	printf("%sok %u - ", good ? "" : "not ", tap.n_run);
	vprintf(fmt, ap);
	putchar('\n');
	if (!good)
		printf("# failed at %s:%d\n", file, line);
	/* A crash later on must not swallow what is known by now. */
	fflush(stdout);
	return good;
}

__attribute__((format(printf, 4, 5))) static inline bool
tap_ok(bool good, const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tap_v(good, file, line, fmt, ap);
	va_end(ap);
	return good;
}

__attribute__((format(printf, 5, 6))) static inline bool
tap_u64(uint64_t got, uint64_t want, const char *file, int line,
    const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tap_v(got == want, file, line, fmt, ap);
	va_end(ap);
	if (got != want)
		printf("# got %" PRIu64 ", want %" PRIu64 "\n", got, want);
	return got == want;
}

__attribute__((format(printf, 5, 6))) static inline bool
tap_str(const char *got, const char *want, const char *file, int line,
    const char *fmt, ...)
{
	bool good = got != NULL && want != NULL ? strcmp(got, want) == 0 :
	    got == want;
	va_list ap;

	va_start(ap, fmt);
	tap_v(good, file, line, fmt, ap);
	va_end(ap);
	if (!good)
		printf("# got \"%s\", want \"%s\"\n",
		    got != NULL ? got : "(null)",
		    want != NULL ? want : "(null)");
	return good;
}

/* 0 .. below - 1; the same numbers in every run, so failures come again. */
static inline uint32_t
tap_rnd(uint32_t below)
{
	tap.seed = tap.seed * 1664525u + 1013904223u;
	return (tap.seed >> 8) % below;
}

/* Prints the plan; the value is what main() returns. */
static inline int
tap_done(void)
{
	printf("1..%u\n", tap.n_run);
	return tap.n_run == 0 || tap.n_failed > 0;
}

#endif
