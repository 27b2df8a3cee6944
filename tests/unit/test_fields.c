/*
 * test_fields.c - the table of fields by itself, and how values are printed.
 * What the getters say is test_filter.c's.
 */
#include <ctype.h>

#include "../../cmd/fields.h"
#include "made.h"
#include "page.h"
#include "tap.h"

static bool
has_word(const struct field *f, const char *word)
{
	const char *const *w = f->words;

	while (*w != NULL && strcmp(*w, word) != 0)
		w++;
	return *w != NULL;
}

static void
table(void)
{
	const struct field *f;
	char wireshark[64];
	size_t i;

	for (i = 0; i < n_fields; i++) {
		f = &fields[i];
		ok(field_find(f->name, strlen(f->name)) == f,
		    "%s: there is one of this name", f->name);
		ok(strspn(f->name, "abcdefghijklmnopqrstuvwxyz_") ==
		    strlen(f->name), "its name needs no quotes");
		ok((isupper((unsigned char)f->help[0]) == 0 ||
		    isupper((unsigned char)f->help[1])) &&
		    f->help[strlen(f->help) - 1] != '.',
		    "lower case, no stop: %s", f->help);
		ok(f->words == NULL || f->kind == FIELD_WORD,
		    "only words have words");
		ok(!f->named || f->nth != NULL, "names choose among several");
		snprintf(wireshark, sizeof(wireshark), "mux.%s", f->name);
		ok(f->wireshark == NULL || strcmp(f->wireshark, wireshark) ==
		    0, "Wireshark has the same name");
	}
	ok(field_find("nope", 4) == NULL && field_find("typ", 3) == NULL &&
	    field_find("", 0) == NULL, "others are not found");
	f = field_find("type", 4);
	for (i = 0; i < 64; i++)
		if (mux_frame_name((uint8_t)i) != NULL)
			ok(has_word(f, mux_frame_name((uint8_t)i)),
			    "%s is a type", mux_frame_name((uint8_t)i));
	for (i = 0; f->words[i] != NULL; i++)
		;
	is_u64(i, 25 + 3, "and there are no others but three of ours");
}

static void
refs(void)
{
	struct field_ref r;

	ok(field_ref("meta.a.b", 8, &r) && r.n_sub == 3 &&
	    strcmp(r.sub, "a.b") == 0, "the name may have dots");
	ok(field_ref("meta", 4, &r) && r.sub == NULL, "or there is none");
	ok(!field_ref("meta.", 5, &r) && !field_ref("len.x", 5, &r) &&
	    !field_ref("x.y", 3, &r) && !field_ref(".", 1, &r),
	    "what is no field");
}

static void
prints(const struct value *v, const char *want)
{
	char buf[4096] = "";
	FILE *f = fmemopen(buf, sizeof(buf), "w");

	field_print(v, f);
	fclose(f);
	is_str(buf, want, "printed");
}

static void
printing(void)
{
	char long_one[600], want[600];

	prints(&(struct value){ .kind = FIELD_NUMBER, .num = UINT64_MAX },
	    "18446744073709551615");
	prints(&(struct value){ .kind = FIELD_TIME, .num = 1500000007 },
	    "1.500000007");
	prints(&(struct value){ .kind = FIELD_FLAG, .num = 1 }, "1");
	prints(&(struct value){ .kind = FIELD_WORD, .p = "data", .n = 4 },
	    "data");
	prints(&(struct value){ .kind = FIELD_BYTES, .p = "a\033[m\n\t\\\0z",
	    .n = 9 }, "a\\033[m\\n\\t\\\\\\0z");
	memset(long_one, 'x', sizeof(long_one));
	memset(want, 'x', sizeof(want));
	memcpy(long_one + 255, "\0" "1", 2);
	strcpy(want + 255, "\\0001");
	memset(want + 260, 'x', 520 - 257);
	want[523] = '\0';
	prints(&(struct value){ .kind = FIELD_BYTES, .p = long_one,
	    .n = 520 }, want);
}

/* muxctl-dump(1), FIELDS: the same, in the same order. */
static void
in_the_manual(void)
{
	static const char *const kinds[] = { "number", "time", "word",
	    "bytes", "flag" };
	struct page p;
	size_t i = 0;

	ok(page_open(&p, "man/muxctl-dump.1", "FIELD-TABLE-BEGIN",
	    "FIELD-TABLE-END"), "the page has a table");
	for (; page_row(&p) && p.n_cells == 3 && i < n_fields; i++) {
		if (strncmp(p.cell[0], "Li ", 3) == 0)
			p.cell[0] += 3;
		is_str(p.cell[0], fields[i].name, "%s", fields[i].name);
		is_str(p.cell[1], kinds[fields[i].kind], "its kind");
		is_str(p.cell[2], fields[i].help, "what it is");
	}
	page_close(&p);
	is_u64(i, n_fields, "all fields");
}

int
main(void)
{
	table();
	in_the_manual();
	refs();
	printing();
	return tap_done();
}
