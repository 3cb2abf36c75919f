/* The last error's sentence, one for each thread, as errno is. */
#include "cow/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char kept[512];
static _Thread_local int kept_err;

int
err_set(int err, const char *fmt, ...)
{
	char new[sizeof(kept)]; /* the sentence before may be a part of it */
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(new, sizeof(new), fmt, ap);
	va_end(ap);
	memcpy(kept, new, strlen(new) + 1);
	kept_err = err;
	return -err;
}

int
err_errno(const char *fmt, ...)
{
	int err = errno ? errno : EIO;
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	vsnprintf(kept, sizeof(kept), fmt, ap);
	va_end(ap);
	n = strlen(kept);
	snprintf(kept + n, sizeof(kept) - n, ": %s", strerror(err));
	kept_err = err;
	return -err;
}

int
err_prefix(int err, const char *fmt, ...)
{
	char old[sizeof(kept)], new[sizeof(kept)];
	va_list ap;

	snprintf(old, sizeof(old), "%s", err_text(err));
	va_start(ap, fmt);
	vsnprintf(new, sizeof(new), fmt, ap);
	va_end(ap);
	snprintf(kept, sizeof(kept), "%.250s: %.250s", new, old);
	kept_err = -err;
	return err;
}

void
err_forget(void)
{
	kept_err = 0;
}

const char *
err_text(int err)
{
	if (kept_err == -err && kept[0])
		return kept;
	return strerror(-err);
}
