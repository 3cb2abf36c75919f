/*
 * Cleanup attributes for locals: freed, closed, unlocked at the end of their scope.
 */
#ifndef COW_CLEANUP_H
#define COW_CLEANUP_H

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(fn) __attribute__((cleanup(fn)))

static inline void
cleanup_free(void *p)
{
	void *victim;

	__builtin_memcpy(&victim, p, sizeof(victim));
	free(victim);
}

static inline void
cleanup_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void
cleanup_unlock(pthread_mutex_t **m)
{
	if (*m)
		pthread_mutex_unlock(*m);
}

static inline pthread_mutex_t *
cleanup_locked(pthread_mutex_t *m)
{
	pthread_mutex_lock(m);
	return m;
}

#define CLEANUP_FREE CLEANUP(cleanup_free)
#define CLEANUP_FD   CLEANUP(cleanup_fd)

#define CLEANUP_CAT2(a, b) a##b
#define CLEANUP_CAT(a, b)  CLEANUP_CAT2(a, b)
/* Holds the mutex till the end of the scope. */
#define SCOPED_LOCK(m)                                                          \
	pthread_mutex_t *CLEANUP_CAT(scoped_, __LINE__) __attribute__((unused)) \
	CLEANUP(cleanup_unlock) = cleanup_locked(m)

#endif
