/*
 * Import: walks a source into a new image.
 */
#ifndef COW_IMPORT_IMPORT_H
#define COW_IMPORT_IMPORT_H

#include "cow/image_writer.h"
#include "cow/import/source.h"

struct import_progress {
	uint64_t entries, bytes;            /* so far; bytes of files */
	uint64_t source_done, source_total; /* bytes of the source; total 0: not known */
};

struct import_options {
	const char *name; /* of the image */
	bool skip_errors; /* leave out what can't be imported, instead of failing at the end */
	bool cross;       /* a folder: go on into other file systems mounted below it */
	/* Called for each entry (or xattr) that can't be imported, with a sentence that names it.
	 * May be NULL. */
	void (*problem)(void *arg, const char *sentence);
	/* Called a few times a second; not 0: stop (-ECANCELED). May be NULL. */
	int (*progress)(void *arg, const struct import_progress *);
	void *arg;
};

struct import_result {
	struct id id;
	struct image_totals totals;
	uint32_t skipped;
};

/* From a source that is open; what: its name, for messages; expect: the id that the image must
 * have, or NULL. The source is closed in any case. */
int import_run_source(struct store *, struct source *, const char *what, const struct id *expect,
    const struct import_options *, struct import_result *out);
/* source is a folder, a tar file, or "-" for a tar on standard input. The same tree gives the same
 * id, from a folder as from a tar. -EINVAL ("N entries can't be imported") after naming all
 * problems, unless skip_errors; also a source that is no tar, or empty; -EPIPE: a damaged tar;
 * -EEXIST: the name is taken. The store was opened with STORE_OWN or STORE_IMPORT. */
int import_run(
    struct store *, const char *source, const struct import_options *, struct import_result *out);

#endif
