/*
 * why.h - filling in struct mux_why.  A `why` that is NULL is fine everywhere.
 */
#ifndef WHY_H
#define WHY_H

#include "int.h"
#include "mux_io.h"

/* The text as it stands. */
__attribute__((format(printf, 4, 5))) void
why_set(struct mux_why *why, int err, uint32_t code, const char *fmt, ...);

/*
 * "WORD: TEXT" for a word that breaks the grammar; a long word is cut so that
 * the reason always fits.  Gives MUX_E_INVAL, for `return why_word(...)`.
 */
__attribute__((format(printf, 3, 4))) int
why_word(struct mux_why *why, const char *word, const char *fmt, ...);

/* "out of memory"; gives MUX_E_NOMEM. */
int why_nomem(struct mux_why *why);

#endif
