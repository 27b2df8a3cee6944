/*
 * chars.h - characters and numbers as the grammars of addresses, rules and
 * specs understand them: ASCII whatever the locale, decimal and nothing else.
 */
#ifndef CHARS_H
#define CHARS_H

#include "int.h"

static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline char
to_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static inline bool
is_alnum(char c)
{
	return is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'z');
}

/* Do the first n bytes of s spell `name`, which is lower case? */
bool chars_is(const char *s, size_t n, const char *name);

/* Is s, not empty, made of letters, digits and bytes of `also` only? */
bool chars_plain(const char *s, const char *also);

/* Is s, not empty, made of digits only?  Of any length. */
bool chars_digits(const char *s);

/* Digits only, no sign, no blanks, at most max.  False leaves *out alone. */
bool chars_number(const char *s, uint64_t max, uint64_t *out);

/* %XX in place.  False: a bad escape or %00, *bad points at it. */
bool chars_decode(char *s, const char **bad);

/*
 * The reverse into p, which has room for 3 * strlen(s) + 1 bytes: blanks,
 * control characters, % and the bytes of `also` become %XX.  Gives the end.
 */
char *chars_encode(char *p, const char *s, const char *also);

/* Copies s without escapes; gives the end. */
char *chars_put(char *p, const char *s);

#endif
