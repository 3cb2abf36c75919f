/* MOUNT's list of who has mounted what. It is a hint for people, kept in memory and bounded, since
 * clients come and go without a word. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cow/cleanup.h"
#include "server/peer_priv.h"

#define MOUNTS_MAX  1024
#define MOUNTS_EACH 16 /* of one address */

struct mounted {
	uint8_t address[16];
	struct id view;
	struct peer_mount mount;
};

void
peer_mounts_init(struct peer_mounts *m)
{
	memset(m, 0, sizeof(*m));
	pthread_mutex_init(&m->lock, NULL);
}

void
peer_mounts_free(struct peer_mounts *m)
{
	free(m->list);
	pthread_mutex_destroy(&m->lock);
}

static bool
same_address(const struct mounted *m, const struct peer *peer)
{
	return memcmp(m->address, peer->address, sizeof(m->address)) == 0;
}

/* Paths are compared as they are kept: cut to the room for them. */
static void
keep_path(struct str path, char out[sizeof(((struct peer_mount *)0)->path)])
{
	snprintf(out, sizeof(((struct peer_mount *)0)->path), "%.*s", (int)path.n, path.p);
}

static struct mounted *
oldest(struct peer_mounts *m, const struct peer *of)
{
	struct mounted *old = NULL;

	for (struct mounted *x = m->list; x < m->list + m->n; x++)
		if ((!of || same_address(x, of)) && (!old || x->mount.last < old->mount.last))
			old = x;
	return old;
}

/* Where a mount of this caller goes: the same one as before, else a free place, else the place of
 * the oldest. NULL: no memory. */
static struct mounted *
place_for(struct peer_mounts *m, const struct peer *peer, const char *path)
{
	struct mounted *list;
	uint32_t mine = 0, size;

	for (struct mounted *x = m->list; x < m->list + m->n; x++) {
		if (!same_address(x, peer))
			continue;
		if (strcmp(x->mount.path, path) == 0)
			return x;
		mine++;
	}
	if (mine >= MOUNTS_EACH || m->n == MOUNTS_MAX)
		return oldest(m, mine >= MOUNTS_EACH ? peer : NULL);
	if (m->n == m->size) {
		size = m->size ? m->size * 2 : 16;
		list = realloc(m->list, size * sizeof(*list));
		if (!list)
			return NULL;
		m->list = list;
		m->size = size;
	}
	return &m->list[m->n++];
}

void
peer_mounted(
    struct peers *p, const struct peer *peer, const struct peer_client *client, struct str path)
{
	SCOPED_LOCK(&p->mounts.lock);
	struct peer_mount new = { .since = time(NULL) };
	struct mounted *m;

	keep_path(path, new.path);
	m = place_for(&p->mounts, peer, new.path);
	if (!m)
		return;
	new.last = new.since;
	snprintf(new.address, sizeof(new.address), "%s", peer->text);
	snprintf(new.client, sizeof(new.client), "%s", client->info.name);
	memcpy(m->address, peer->address, sizeof(m->address));
	m->view = client->info.id;
	m->mount = new;
}

void
peer_unmounted(struct peers *p, const struct peer *peer, struct str path)
{
	SCOPED_LOCK(&p->mounts.lock);
	struct peer_mounts *m = &p->mounts;
	char kept[sizeof(m->list->mount.path)];

	keep_path(path, kept);
	for (uint32_t i = 0; i < m->n;) {
		struct mounted *x = &m->list[i];

		if (same_address(x, peer) && (path.n == 0 || strcmp(x->mount.path, kept) == 0))
			*x = m->list[--m->n];
		else
			i++;
	}
}

static void
refresh(struct peers *p, struct mounted *m)
{
	const struct peer_entry *e = peer_find(p, &m->view);
	int slot = e ? peer_slot(e, m->address) : -ENOENT;
	int64_t seen = slot >= 0 ? atomic_load(&e->seen[slot]) : 0;

	if (seen > m->mount.last)
		m->mount.last = seen;
}

void
peer_mounts_refresh(struct peers *p)
{
	pthread_rwlock_rdlock(&p->lock);
	pthread_mutex_lock(&p->mounts.lock);
	for (uint32_t i = 0; i < p->mounts.n; i++)
		refresh(p, &p->mounts.list[i]);
	pthread_mutex_unlock(&p->mounts.lock);
	pthread_rwlock_unlock(&p->lock);
}

int64_t
peer_mounts_last(struct peers *p, const char *client)
{
	int64_t last = 0;

	SCOPED_LOCK(&p->mounts.lock);
	for (uint32_t i = 0; i < p->mounts.n; i++) {
		const struct peer_mount *m = &p->mounts.list[i].mount;

		if (strcmp(m->client, client) == 0 && m->last > last)
			last = m->last;
	}
	return last;
}

int
peers_mounts(struct peers *p, peer_mount_fn *fn, void *arg)
{
	int r = 0;

	peer_mounts_refresh(p);
	SCOPED_LOCK(&p->mounts.lock);
	for (uint32_t i = 0; r == 0 && i < p->mounts.n; i++)
		r = fn(arg, &p->mounts.list[i].mount);
	return r;
}
