/*
 * page.h - the tables and traces of man/mux.7, which stand between comments
 * "NAME-TABLE-BEGIN" and "NAME-TABLE-END", or "TRACE-BEGIN name" and
 * "TRACE-END".  For tests that hold the code against the page.
 */
#ifndef PAGE_H
#define PAGE_H

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE		"man/mux.7"
#define PAGE_CELLS	8

struct page {
	FILE *f;
	char line[1024];
	char end[64];			/* the comment that ends it */
	char *cell[PAGE_CELLS];		/* of the row at hand */
	unsigned n_cells;
};

static inline bool
page_line(struct page *p)
{
	size_t n;

	if (p->f == NULL || fgets(p->line, sizeof(p->line), p->f) == NULL)
		return false;
	n = strlen(p->line);
	if (n > 0 && p->line[n - 1] == '\n')
		p->line[n - 1] = '\0';
	return true;
}

/* To the first line behind the comment; false if there is none. */
static inline bool
page_open(struct page *p, const char *file, const char *begin,
    const char *end)
{
	char want[120];

	memset(p, 0, sizeof(*p));
	snprintf(want, sizeof(want), ".\\\" %s", begin);
	snprintf(p->end, sizeof(p->end), ".\\\" %s", end);
	p->f = fopen(file, "r");
	while (page_line(p))
		if (strcmp(p->line, want) == 0)
			return true;
	return false;
}

static inline void
page_close(struct page *p)
{
	if (p->f != NULL)
		fclose(p->f);
	p->f = NULL;
}

/* The next line before the end of the part. */
static inline bool
page_next(struct page *p)
{
	return page_line(p) && strcmp(p->line, p->end) != 0;
}

/* The next ".It a Ta b Ta c", as cells. */
static inline bool
page_row(struct page *p)
{
	char *s, *ta;

	if (!page_next(p) || strncmp(p->line, ".It ", 4) != 0)
		return false;
	p->n_cells = 0;
	for (s = p->line + 4; s != NULL && p->n_cells < PAGE_CELLS;) {
		p->cell[p->n_cells++] = s;
		if ((ta = strstr(s, " Ta ")) == NULL)
			break;
		*ta = '\0';
		s = ta + 4;
	}
	return true;
}

static inline bool
page_table(struct page *p, const char *name)
{
	char begin[40], end[40];

	snprintf(begin, sizeof(begin), "%s-TABLE-BEGIN", name);
	snprintf(end, sizeof(end), "%s-TABLE-END", name);
	return page_open(p, PAGE, begin, end);
}

/* Takes the next word of a list "a,b,c" off its beginning. */
static inline char *
page_word(char **list)
{
	char *w = *list, *comma;

	if (w == NULL || *w == '\0' || strcmp(w, "-") == 0)
		return NULL;
	comma = strchr(w, ',');
	*list = comma == NULL ? NULL : comma + 1;
	if (comma != NULL)
		*comma = '\0';
	return w;
}

#endif
