/*
 * b64.h - base64 of RFC 4648, section 4, with its padding.
 */
#ifndef B64_H
#define B64_H

#include <stdbool.h>
#include <stddef.h>

/* What n bytes become; what n characters become at most. */
#define B64_LEN(n)	(((n) + 2) / 3 * 4)
#define B64_ROOM(n)	((n) / 4 * 3)

/* Writes B64_LEN(n) characters and no NUL. */
void b64_encode(char *out, const void *p, size_t n);
/* False: it is none.  `out` may be `text` itself. */
bool b64_decode(void *out, size_t *len, const char *text, size_t n);

#endif
