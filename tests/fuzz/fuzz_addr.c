/*
 * fuzz_addr.c - every input is tried as an address, a rule, a tunnel spec and
 * a command line.  Whatever parses must print to something that parses to the
 * same again, in one printable word; whatever does not must say why.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mux_io.h"

#define MUST(cond)	((cond) ? (void)0 : broken(#cond, word))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
broken(const char *what, const char *word)
{
	fprintf(stderr, "fuzz_addr: not %s: \"%s\"\n", what, word);
	abort();
}

static void
said(int err, const struct mux_why *why, const char *word)
{
	MUST(err == MUX_E_INVAL);
	MUST(strlen(why->text) > 2);
	MUST(strncmp(why->text, word, strlen(word) < 100 ? strlen(word) :
	    100) == 0);
}

/* One word of one line, for logs and --print-addr. */
static void
printable(const char *word)
{
	for (const char *s = word; *s != '\0'; s++)
		MUST((unsigned char)*s > ' ' && *s != 0x7f);
}

static void
try_roles(const struct mux_addr *a, const char *word)
{
	static const enum mux_role roles[] = {
		MUX_AS_CARRIER, MUX_AS_LISTENER, MUX_AS_LOCAL, MUX_AS_TARGET
	};
	struct mux_why why;
	int err;

	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		why.text[0] = '\0';
		err = mux_addr_check(a, roles[i], &why);
		MUST(err == 0 || err == MUX_E_INVAL);
		MUST((err == 0) == (why.text[0] == '\0'));
	}
}

static void
try_addr(const char *word)
{
	struct mux_addr *a = NULL, *b = NULL, *c;
	struct mux_why why = { .text = "" };
	int err = mux_addr_parse(word, &a, &why);

	if (err != 0) {
		said(err, &why, word);
		MUST(a == NULL);
		return;
	}
	MUST(mux_addr_parse(mux_addr_str(a), &b, &why) == 0);
	MUST(strcmp(mux_addr_str(a), mux_addr_str(b)) == 0);
	MUST(mux_addr_scheme(a) == mux_addr_scheme(b));
	MUST(mux_addr_port(a) == mux_addr_port(b));
	c = mux_addr_dup(a);
	MUST(c != NULL && strcmp(mux_addr_str(a), mux_addr_str(c)) == 0);
	if (mux_addr_scheme(a) != MUX_EXEC)
		printable(mux_addr_str(a));
	try_roles(a, word);
	mux_addr_free(a);
	mux_addr_free(b);
	mux_addr_free(c);
}

static void
try_rule(const char *word)
{
	struct mux_rule *a = NULL, *b = NULL;
	struct mux_addr *asked = NULL;
	struct mux_why why = { .text = "" };
	int err = mux_rule_parse(word, &a, &why);

	if (err != 0) {
		said(err, &why, word);
		MUST(a == NULL);
		return;
	}
	MUST(mux_rule_parse(mux_rule_str(a), &b, &why) == 0);
	MUST(strcmp(mux_rule_str(a), mux_rule_str(b)) == 0);
	printable(mux_rule_str(a));
	/* The word itself as the path: stars against whatever came. */
	MUST(mux_addr_parse("unix:/x", &asked, NULL) == 0);
	MUST(mux_rule_match(a, asked, NULL, word + strcspn(word, "/@")) ==
	    mux_rule_match(b, asked, NULL, word + strcspn(word, "/@")));
	mux_addr_free(asked);
	mux_rule_free(a);
	mux_rule_free(b);
}

static void
try_spec(const char *word)
{
	struct mux_addr *listen = NULL, *again = NULL;
	struct mux_why why = { .text = "" };
	char *target = NULL, *twice = NULL, *round;
	int err = mux_spec_parse(word, &listen, &target, &why);

	if (err != 0) {
		said(err, &why, word);
		MUST(listen == NULL && target == NULL);
		return;
	}
	MUST(asprintf(&round, "%s=%s", mux_addr_str(listen), target) > 0);
	MUST(mux_spec_parse(round, &again, &twice, &why) == 0);
	MUST(strcmp(mux_addr_str(listen), mux_addr_str(again)) == 0);
	MUST(strcmp(target, twice) == 0);
	printable(target);
	mux_addr_free(listen);
	mux_addr_free(again);
	free(target);
	free(twice);
	free(round);
}

static void
try_words(const char *word)
{
	struct mux_why why = { .text = "" };
	size_t total = 0;
	char **argv = NULL;
	int err = mux_split_words(word, &argv, &why);

	if (err != 0) {
		said(err, &why, word);
		MUST(argv == NULL);
		return;
	}
	for (size_t i = 0; argv[i] != NULL; i++)
		total += strlen(argv[i]);
	MUST(argv[0] != NULL && total <= strlen(word));
	free(argv);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *word = malloc(size + 1);

	if (word == NULL)
		return 0;
	memcpy(word, data, size);
	word[size] = '\0';
	try_addr(word);
	try_rule(word);
	try_spec(word);
	try_words(word);
	free(word);
	return 0;
}
