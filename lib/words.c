/*
 * words.c - splitting a command line into words, the same everywhere: exec:,
 * -x, --worker.  It is not a shell: no variables, patterns, comments or
 * operators.  Invariant: every byte of the result comes from the line, so the
 * line's length bounds it.
 */
#include <stdlib.h>
#include <string.h>

#include "int.h"
#include "why.h"
#include "words.h"

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

/*
 * Inside "..." a backslash protects only what a shell would need protected;
 * so a word quoted for a shell means the same here.
 */
static const char *
double_quoted(const char *s, char **to)
{
	for (; *s != '"'; s++) {
		if (*s == '\\' && s[1] != '\0' && strchr("\"\\$`", s[1]))
			s++;
		if (*s == '\0')
			return NULL;
		*(*to)++ = *s;
	}
	return s + 1;
}

static const char *
single_quoted(const char *s, char **to)
{
	for (; *s != '\''; s++) {
		if (*s == '\0')
			return NULL;
		*(*to)++ = *s;
	}
	return s + 1;
}

/* One word; gives its end, or NULL and *fault. */
static const char *
take_word(const char *s, char **to, const char **fault)
{
	while (s != NULL && *s != '\0' && !is_blank(*s)) {
		if (*s == '\'') {
			*fault = "expected a closing '";
			s = single_quoted(s + 1, to);
		} else if (*s == '"') {
			*fault = "expected a closing \"";
			s = double_quoted(s + 1, to);
		} else if (*s == '\\' && s[1] == '\0') {
			*fault = "expected a character after the last \\";
			s = NULL;
		} else {
			s += *s == '\\';
			*(*to)++ = *s++;
		}
	}
	*(*to)++ = '\0';
	return s;
}

int
words_split(const char *line, char ***out, const char **fault)
{
	size_t len = strlen(line), n = 0, n_max = len / 2 + 1;
	size_t size = (n_max + 1) * sizeof(char *);
	char **argv = malloc(size + len + 1);
	char *to;

	if (argv == NULL)
		return MUX_E_NOMEM;
	to = (char *)argv + size;
	for (;;) {
		while (is_blank(*line))
			line++;
		if (*line == '\0')
			break;
		assert(n < n_max);
		argv[n++] = to;
		line = take_word(line, &to, fault);
		if (line == NULL)
			goto fail;
	}
	argv[n] = NULL;
	*fault = "expected a command";
	if (n == 0)
		goto fail;
	*out = argv;
	return 0;
fail:
	free(argv);
	return MUX_E_INVAL;
}

int
mux_split_words(const char *line, char ***out, struct mux_why *why)
{
	const char *fault;
	int err = words_split(line, out, &fault);

	if (err == MUX_E_NOMEM)
		return why_nomem(why);
	return err != 0 ? why_word(why, line, "%s", fault) : 0;
}
