/*
 * mux_split_words(): each line and its words, joined by '|'.
 */
#include <stdlib.h>

#include "int.h"
#include "mux_io.h"
#include "tap.h"

static const struct good {
	const char *line, *words;
} good[] = {
	{ "a", "a|" },
	{ "a b", "a|b|" },
	{ "  a \t b\n", "a|b|" },
	{ "'a b'", "a b|" },
	{ "\"a b\"", "a b|" },
	{ "a' 'b", "a b|" },
	{ "a\"\"b''c", "abc|" },
	{ "''", "|" },
	{ "'' \"\"", "||" },
	{ "a '' b", "a||b|" },
	{ "a\\ b", "a b|" },
	{ "\\a\\\\", "a\\|" },
	{ "\\'a", "'a|" },
	{ "'a\\'", "a\\|" },
	{ "'\"'", "\"|" },
	{ "\"'\"", "'|" },
	{ "\"a\\\"b\"", "a\"b|" },
	{ "\"a\\\\\"", "a\\|" },
	{ "\"\\$x \\`y\"", "$x `y|" },
	{ "\"a\\nb\"", "a\\nb|" },
	{ "\"a\nb\"", "a\nb|" },
	{ "a\\\nb", "a\nb|" },
	{ "$HOME *.c ~ #x ;ls |wc &", "$HOME|*.c|~|#x|;ls||wc|&|" },
	{ "a=b c?d", "a=b|c?d|" },
	{ "\xc3\xa4 \x01", "\xc3\xa4|\x01|" },
};

static const struct bad {
	const char *line, *says;
} bad[] = {
	{ "", ": expected a command" },
	{ " \t\n", ": expected a command" },
	{ "'", ": expected a closing '" },
	{ "a 'b", ": expected a closing '" },
	{ "\"", ": expected a closing \"" },
	{ "a \"b'", ": expected a closing \"" },
	{ "\"a\\\"", ": expected a closing \"" },
	{ "\"a\\", ": expected a closing \"" },
	{ "\\", ": expected a character after the last \\" },
	{ "a b\\", ": expected a character after the last \\" },
};

static void
test_good(void)
{
	struct mux_why why;
	char joined[200], **argv;
	size_t n;

	for (size_t i = 0; i < N_ELEM(good); i++) {
		if (!ok(mux_split_words(good[i].line, &argv, &why) == 0,
		    "<%s> splits", good[i].line))
			continue;
		joined[0] = '\0';
		for (n = 0; argv[n] != NULL; n++) {
			strcat(joined, argv[n]);
			strcat(joined, "|");
		}
		is_str(joined, good[i].words, "into %zu", n);
		free(argv);
	}
}

static void
test_bad(void)
{
	char **const untouched = (char **)(void *)&bad, **argv;
	struct mux_why why;

	for (size_t i = 0; i < N_ELEM(bad); i++) {
		argv = untouched;
		why.text[0] = '\0';
		ok(mux_split_words(bad[i].line, &argv, &why) == MUX_E_INVAL &&
		    argv == untouched, "<%s> is refused", bad[i].line);
		ok(strncmp(why.text, bad[i].line, strlen(bad[i].line)) == 0,
		    "naming it");
		is_str(why.text + strlen(bad[i].line), bad[i].says,
		    "and saying why");
	}
	ok(mux_split_words("'", &argv, NULL) == MUX_E_INVAL,
	    "why may be NULL");
}

/* As many words, and as much of one, as a line can hold. */
static void
test_long(void)
{
	char line[2001], **argv = NULL;
	size_t n = 0;

	for (size_t i = 0; i < 2000; i++)
		line[i] = i % 2 == 0 ? 'x' : ' ';
	line[2000] = '\0';
	if (ok(mux_split_words(line, &argv, NULL) == 0, "a thousand words")) {
		while (argv[n] != NULL && strcmp(argv[n], "x") == 0)
			n++;
		is_u64(n, 1000, "all of them");
		free(argv);
	}
	line[1999] = 'x';
	memset(line, 'x', 1999);
	if (ok(mux_split_words(line, &argv, NULL) == 0, "one long word")) {
		is_u64(strlen(argv[0]), 2000, "whole");
		free(argv);
	}
}

int
main(void)
{
	test_good();
	test_bad();
	test_long();
	return tap_done();
}
