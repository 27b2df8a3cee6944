/*
 * frame.h: the header codec, and the frame table against the one of mux(7).
 * And the codes of errors, which the page lists as well: their numbers in
 * mux.h, their names in code.c.
 */
#include "frame.h"
#include "mux.h"
#include "page.h"
#include "tap.h"

/* ---- the header ---- */

static void
test_header(void)
{
	static const uint8_t golden[14] = { 0x64, 0, 0, 0, 0x39, 0x30, 0, 0,
		0, 0, 0, 0, 0, 0 };
	struct frame f = { .id = 12345, .len = 100 }, g;
	uint8_t p[14];

	frame_put(p, &f);
	ok(memcmp(p, golden, 14) == 0, "request 12345 of 100 bytes");
	frame_get(p, &g);
	ok(g.id == 12345 && g.len == 100 && g.type == 0 && g.flags == 0,
	    "and back");
	f = (struct frame){ .id = UINT64_C(0x0102030405060708),
	    .len = 0xa1b2c3d4, .type = 0xfe, .flags = 0x83 };
	frame_put(p, &f);
	ok(memcmp(p, "\xd4\xc3\xb2\xa1\x08\x07\x06\x05\x04\x03\x02\x01"
	    "\xfe\x83", 14) == 0, "every byte in its place");
	frame_get(p, &g);
	ok(g.id == f.id && g.len == f.len && g.type == f.type &&
	    g.flags == f.flags, "all of them come back");
}

static void
test_ids(void)
{
	is_u64(id_conn(UINT64_C(0x0002000000000005)), 2, "connection 2");
	is_u64(id_local(UINT64_C(0x0002000000000005)), 5, "call 5 on it");
	is_u64(id_local(UINT64_MAX), ID_LOCAL_MAX, "the last local id");
}

static void
test_unknown(void)
{
	unsigned n = 0;

	for (unsigned t = 0; t < 256; t++) {
		const struct frame_row *row = frame_row((uint8_t)t);
		bool assigned = t <= 10 || (t >= 16 && t <= 29);

		if ((row != NULL) == assigned && (row == NULL ||
		    row->word == mux_frame_name((uint8_t)t)))
			n++;
	}
	is_u64(n, 256, "rows for 0 to 10 and 16 to 29, and for nothing else");
}

/* ---- against the page ---- */

static const struct bit {
	const char *word;
	unsigned bit;
} id_bits[] = {
	{ "call", ID_CALL }, { "stream", ID_STREAM }, { "conn", ID_CONN },
	{ "any", ID_FREE }, { NULL, 0 }
}, flag_bits[] = {
	{ "FIN", 1 }, { "MORE", 2 }, { "EXT", 0x80 }, { NULL, 0 }
}, mode_bits[] = {
	{ "hello", 4 }, { "legacy", IN_LEGACY }, { "extended", IN_EXTENDED },
	{ NULL, 0 }
};

/* The words of a list as bits; a word that nobody knows gives all bits. */
static unsigned
bits(const struct bit *known, char *list)
{
	unsigned v = 0;
	char *w;

	while ((w = page_word(&list)) != NULL) {
		const struct bit *b = known;

		while (b->word != NULL && strcmp(b->word, w) != 0)
			b++;
		v |= b->word != NULL ? b->bit : UINT32_MAX;
	}
	return v;
}

static uint32_t
length(const char *cell)
{
	if (strcmp(cell, "max_frame") == 0)
		return LEN_FRAME;
	if (strcmp(cell, "ext") == 0)
		return LEN_EXT;
	return (uint32_t)strtoul(cell, NULL, 10);
}

static void
test_frame_table(void)
{
	struct page p;
	unsigned n = 0;

	ok(page_table(&p, "FRAME"), "mux(7) has a frame table");
	for (; page_row(&p); n++) {
		unsigned long t = strtoul(p.cell[0], NULL, 10);
		const struct frame_row *row = frame_row((uint8_t)t);
		bool hello = t == 0 || t == 8 || t == 9;

		if (!ok(p.n_cells == 7 && row != NULL, "row %s", p.cell[0]))
			break;
		is_str(row->name, p.cell[1], "name of %lu", t);
		is_u64(row->ids, bits(id_bits, p.cell[2]), "ids of it");
		is_u64(row->flags, bits(flag_bits, p.cell[3]), "flags of it");
		is_u64(row->min, length(p.cell[4]), "shortest of it");
		is_u64(row->max, length(p.cell[5]), "longest of it");
		is_u64(row->modes | (hello ? 4u : 0), bits(mode_bits,
		    p.cell[6]), "modes of it");
	}
	page_close(&p);
	is_u64(n, 25, "the page has all types");
}

/* The number that a header defines the symbol as. */
static bool
symbol(const char *name, uint32_t *v)
{
	FILE *f = fopen("lib/mux.h", "r");
	char line[256], word[64];
	long n;
	bool found = false;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "#define %63s UINT32_C(%li)", word, &n) != 2 ||
		    strcmp(word, name) != 0)
			continue;
		*v = (uint32_t)n;
		found = true;
	}
	if (f != NULL)
		fclose(f);
	return found;
}

static void
test_code_table(void)
{
	uint32_t v = 0;
	unsigned n = 0;
	struct page p;
	char *colon;

	ok(page_table(&p, "CODE"), "mux(7) has a table of codes");
	for (; page_row(&p); n++) {
		if (!ok(p.n_cells == 3 && symbol(p.cell[1], &v),
		    "%s is a symbol", p.cell[1]))
			break;
		is_u64(v, strtoul(p.cell[0], NULL, 0), "its number");
		if ((colon = strchr(p.cell[2], ':')) != NULL)
			*colon = '\0';
		is_str(mux_code_name(v), p.cell[2], "its name");
	}
	page_close(&p);
	is_u64(n, 40, "all codes are there");
	ok(mux_code_name(20) == NULL && mux_code_name(0x80000015) == NULL &&
	    mux_code_name(0x80000000) == NULL && mux_code_name(500) == NULL,
	    "others have no name");
}

/* As many symbols as rows: none of mux.h is missing on the page. */
static void
test_symbols(void)
{
	FILE *f = fopen("lib/mux.h", "r");
	char line[256], word[64];
	unsigned n = 0;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "#define %63s UINT32_C(", word) == 1 &&
		    strstr(line, "UINT32_C(") != NULL &&
		    strcmp(word, "MUX_APPLICATION") != 0)
			n++;
	if (f != NULL)
		fclose(f);
	is_u64(n, 40, "symbols of codes in mux.h");
}

static void
test_errors(void)
{
	static const int errs[] = { 0, MUX_E_NOMEM, MUX_E_INVAL, MUX_E_STATE,
		MUX_E_LIMIT, MUX_E_CLOSED, MUX_E_IO, MUX_E_FATAL,
		MUX_E_PROTOCOL, MUX_E_LOST, MUX_E_TIMEOUT, MUX_E_GOODBYE,
		MUX_E_DONE };

	for (size_t i = 0; i < N_ELEM(errs); i++) {
		ok(strcmp(mux_strerror(errs[i]), "unknown error") != 0,
		    "%d: %s", errs[i], mux_strerror(errs[i]));
		ok(mux_is_fatal(errs[i]) == (errs[i] <= -100),
		    "fatal or not");
	}
	is_str(mux_strerror(-50), "unknown error", "no such error");
}

int
main(void)
{
	test_header();
	test_ids();
	test_unknown();
	test_frame_table();
	test_code_table();
	test_symbols();
	test_errors();
	return tap_done();
}
