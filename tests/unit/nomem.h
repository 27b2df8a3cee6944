/*
 * nomem.h - malloc() and its kin, of which the n'th fails.  For the one file
 * that holds main(); a sanitizer replaces them as well, so with one there is
 * nothing to run: SANITIZED says so.
 */
#ifndef NOMEM_H
#define NOMEM_H

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define SANITIZED
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define SANITIZED
#endif

#ifndef SANITIZED

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
void __libc_free(void *);

/* Volatile: compilers know that malloc() and free() change no variable. */
static volatile long n_left = -1;  /* until one fails; negative: never */
static volatile long n_live;

/* These are exported so that libc, in strdup(), uses them too. */

static bool
fails(void)
{
	if (n_left < 0)
		return false;
	n_left--;
	if (n_left >= 0)
		return false;
	errno = ENOMEM;
	return true;
}

/* They stand in for those of libc, in all of the process. */
#pragma GCC visibility push(default)

void *
malloc(size_t n)
{
	void *p = fails() ? NULL : __libc_malloc(n);

	n_live += p != NULL;
	return p;
}

void *
calloc(size_t n, size_t size)
{
	void *p = fails() ? NULL : __libc_calloc(n, size);

	n_live += p != NULL;
	return p;
}

void *
realloc(void *old, size_t n)
{
	void *p = fails() ? NULL : __libc_realloc(old, n);

	n_live += old == NULL && p != NULL;
	return p;
}

void *
aligned_alloc(size_t align, size_t n)
{
	void *p = fails() ? NULL : __libc_memalign(align, n);

	n_live += p != NULL;
	return p;
}

void
free(void *p)
{
	n_live -= p != NULL;
	__libc_free(p);
}

#pragma GCC visibility pop

#endif
#endif
