/*
 * int.h - what every file of libmux may know: minima, time, container_of and
 * the assert policy.
 *
 * An assert states an invariant of our own code.  What a peer or a user sent
 * is never asserted; it gives an error with the name of the rule it broke.
 */
#ifndef MUX_INT_H
#define MUX_INT_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define container_of(p, type, member) \
	((type *)(void *)((char *)(p) - offsetof(type, member)))

#define N_ELEM(a)	(sizeof(a) / sizeof((a)[0]))

static inline size_t
min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

static inline size_t
max_size(size_t a, size_t b)
{
	return a > b ? a : b;
}

static inline uint64_t
min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t
max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Time is a number of nanoseconds on a clock of the caller's choice. */
#define NS_PER_MS	UINT64_C(1000000)
#define NS_PER_S	UINT64_C(1000000000)
#define NEVER		UINT64_MAX

#endif
