/*
 * Errors: functions of cow/ return 0 or a count, else -errno; the sentence that says what was
 * wrong is kept for the thread.
 */
#ifndef COW_ERR_H
#define COW_ERR_H

/* Keeps the sentence and returns -err. err is a positive errno. */
int err_set(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same, from errno, which the sentence then ends with (": No such file..."). */
int err_errno(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Puts "prefix: " before the kept sentence; returns err, which is negative already. */
int err_prefix(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Forgets it, before work that is tried again and again: whoever returns an error without a
 * sentence then has strerror's, not that of the last time. */
void err_forget(void);

/* The sentence for err (negative) as this thread last set it; strerror's when none was kept.
 * Valid till the thread's next err_ call. */
const char *err_text(int err);

#endif
