/*
 * Progress: how far an import is, on standard error: one line that is written over on a terminal, a
 * line now and then elsewhere.
 */
#ifndef SERVER_IMPORT_PROGRESS_H
#define SERVER_IMPORT_PROGRESS_H

#include <stdbool.h>

#include "cow/import/import.h"

struct progress {
	bool terminal, shown; /* shown: a line stands there, to be written over */
	double began, last;   /* seconds */
};

void progress_begin(struct progress *);
void progress_show(struct progress *, const struct import_progress *);
/* Clears the line, before something else is printed. */
void progress_clear(struct progress *);
double progress_seconds(const struct progress *); /* since the beginning */

#endif
