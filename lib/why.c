/*
 * why.c - sentences for struct mux_why.  It does not encode what it quotes:
 * whoever prints the text does.  Invariant: text is always terminated.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "why.h"

/* Of a quoted word: leaves more than half of the text for the reason. */
#define WORD_SHOWN	150

void
why_set(struct mux_why *why, int err, uint32_t code, const char *fmt, ...)
{
	va_list ap;

	if (why == NULL)
		return;
	why->err = err;
	why->code = code;
	va_start(ap, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
}

int
why_word(struct mux_why *why, const char *word, const char *fmt, ...)
{
	size_t len = strlen(word);
	const char *tail = len > WORD_SHOWN ? "...:" :
	    len > 0 && word[len - 1] == ':' ? "" : ":";
	va_list ap;
	int n;

	if (why == NULL)
		return MUX_E_INVAL;
	why->err = 0;
	why->code = 0;
	n = snprintf(why->text, sizeof(why->text), "%.*s%s ", WORD_SHOWN,
	    word, tail);
	assert(n > 0 && (size_t)n < sizeof(why->text));
	va_start(ap, fmt);
	vsnprintf(why->text + n, sizeof(why->text) - (size_t)n, fmt, ap);
	va_end(ap);
	return MUX_E_INVAL;
}

int
why_nomem(struct mux_why *why)
{
	why_set(why, ENOMEM, 0, "%s", mux_strerror(MUX_E_NOMEM));
	return MUX_E_NOMEM;
}
