/* The order of a check, and what its parts share. */
#include "cow/check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "cow/check_priv.h"
#include "cow/err.h"

int
check_tell(struct check *c, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	c->result->problems++;
	return c->options->found(c->options->arg, text);
}

int
check_progress(struct check *c, const char *what, uint64_t done, uint64_t of)
{
	return c->options->progress ? c->options->progress(c->options->arg, what, done, of) : 0;
}

int
check_add_bad(struct check *c, const struct id *id)
{
	struct check_ids *b = &c->bad;
	size_t size = b->size ? b->size * 2 : 64;
	struct id *more;

	if (b->n == b->size) {
		if (!(more = realloc(b->all, size * sizeof(*more))))
			return -ENOMEM;
		b->all = more;
		b->size = size;
	}
	b->all[b->n++] = *id;
	return 0;
}

static int
compare(const void *a, const void *b)
{
	return memcmp(a, b, ID_SIZE);
}

bool
check_is_bad(const struct check *c, const struct id *id)
{
	return c->bad.n && bsearch(id, c->bad.all, c->bad.n, sizeof(*id), compare);
}

static void
sort_bad(struct check *c)
{
	size_t left = 0;

	if (!c->bad.n)
		return;
	qsort(c->bad.all, c->bad.n, sizeof(*c->bad.all), compare);
	for (size_t i = 0; i < c->bad.n; i++)
		if (i == 0 || !id_eq(&c->bad.all[i], &c->bad.all[i - 1]))
			c->bad.all[left++] = c->bad.all[i];
	c->bad.n = left;
	c->result->damaged = left;
}

int
check_run(struct store *s, const struct check_options *options, struct check_result *out)
{
	struct check c = { .store = s, .options = options, .result = out };
	int rc;

	*out = (struct check_result){ 0 };
	rc = check_databases(&c);
	if (rc == 0)
		rc = check_rules(&c);
	if (rc == 0)
		rc = check_blocks(&c);
	sort_bad(&c);
	if (rc == 0 && (c.bad.n || options->all_bytes))
		rc = check_paths(&c);
	free(c.bad.all);
	return rc;
}
