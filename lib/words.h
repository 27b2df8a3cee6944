/*
 * words.h - mux_split_words() for those who have a sentence of their own.
 */
#ifndef WORDS_H
#define WORDS_H

/* 0; MUX_E_NOMEM; or MUX_E_INVAL and what is wrong with the line, static. */
int words_split(const char *line, char ***out, const char **fault);

#endif
