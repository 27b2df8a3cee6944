/*
 * builtin.h - the methods mux.*, which every server answers.
 */
#ifndef BUILTIN_H
#define BUILTIN_H

struct methods;

int builtin_add(struct methods *);	/* 0, or an error of mux.h */

#endif
