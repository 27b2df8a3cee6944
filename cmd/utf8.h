/*
 * utf8.h - which bytes are characters.
 */
#ifndef UTF8_H
#define UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UTF8_BAD	UINT32_MAX

/* The character at p, n > 0, or UTF8_BAD: overlong, a surrogate, beyond
 * Unicode, cut short.  Gives the bytes that it takes, at least 1. */
size_t utf8_char(const void *p, size_t n, uint32_t *c);
bool utf8_valid(const void *p, size_t n);
/* n without the first bytes of a character whose others may still come. */
size_t utf8_whole(const void *p, size_t n);

#endif
