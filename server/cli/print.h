/*
 * Print: rows of an answer as a table, as lines, or as JSON, by a list of columns.
 */
#ifndef SERVER_CLI_PRINT_H
#define SERVER_CLI_PRINT_H

#include <jansson.h>

#include "server/ctl/proto.h"

enum print_kind {
	PRINT_TEXT,
	PRINT_LIST,  /* texts with commas between them */
	PRINT_COUNT, /* JSON: a number, as all below but PRINT_BOOL */
	PRINT_SIZE,  /* bytes */
	PRINT_TIME,  /* seconds since 1970; 0: never */
	PRINT_AGO,   /* the same, as how long ago */
	PRINT_US,    /* microseconds */
	PRINT_BOOL,
};

struct print_column {
	const char *key, *title; /* title NULL: in JSON only */
	enum print_kind kind;
};

/* What to print of one kind of row. */
struct print_rows {
	const char *kind;
	const struct print_column *columns;
	int n;
};
#define PRINT_ROWS(kind, columns)                  \
	{                                          \
		kind, columns, ARRAY_SIZE(columns) \
	}

/* A table with aligned columns; says `none` when there is no row (NULL: nothing is printed). */
void print_table(const struct proto_answer *, const struct print_rows *, const char *none);
/* "Title: value" lines of one row. */
void print_lines(const struct proto_row *, const struct print_rows *);
/* The first row of that kind, or NULL. */
const struct proto_row *print_first(const struct proto_answer *, const char *kind);

json_t *print_object(const struct proto_row *, const struct print_rows *);
json_t *print_array(const struct proto_answer *, const struct print_rows *);
/* Writes it (indented unless compact) and a newline, and drops it. The exit status. */
int print_json(json_t *, bool compact);

#endif
