/* The open views: they are found by their id in a table, without a look at
 * the catalogue, and are opened by the first call that needs them. */
#include "server/peer.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "server/config.h"
#include "server/peer_priv.h"

#define IDLE_SECONDS   600 /* a view without calls for so long is closed */
#define IN_USE_SECONDS 900 /* a machine that runs says something more often than that */
#define HEAP_LOSS      8   /* so large a part of the memory goes between the pieces of the heap */
#define LIMIT_SHARE    4
#define LIMIT_LEAST    ((uint64_t)1 << 20)
#define FLUSH_SECONDS  10 /* so long a write that nobody commits stays in memory */
#define BUSY_SECONDS   10 /* no oftener it is logged that somebody else has a view */

/* --- the table --- */

static struct peer_entry **
bucket(struct peers *p, const struct id *view)
{
	return &p->table[get_le32(view->b) % PEER_BUCKETS];
}

struct peer_entry *
peer_find(struct peers *p, const struct id *view)
{
	struct peer_entry *e = *bucket(p, view);

	while (e && !id_eq(&e->client.info.id, view))
		e = e->next;
	return e;
}

static struct peer_entry *
entry_get(struct peers *p, const struct id *view)
{
	struct peer_entry *e;

	pthread_rwlock_rdlock(&p->lock);
	e = peer_find(p, view);
	if (e)
		atomic_fetch_add(&e->refs, 1);
	pthread_rwlock_unlock(&p->lock);
	return e;
}

static void
entry_release(struct peers *p, struct peer_entry *e)
{
	if (atomic_fetch_sub(&e->refs, 1) > 1)
		return;
	pthread_mutex_lock(&p->idle_lock);
	e->idle = true;
	pthread_cond_broadcast(&p->idle);
	pthread_mutex_unlock(&p->idle_lock);
}

static void
entry_seen(struct peer_entry *e, int slot)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	if (atomic_load_explicit(&e->seen[slot], memory_order_relaxed) != now.tv_sec)
		atomic_store_explicit(&e->seen[slot], now.tv_sec, memory_order_relaxed);
}

static void
table_insert(struct peers *p, struct peer_entry *e)
{
	struct peer_entry **at = bucket(p, &e->client.info.id);

	pthread_rwlock_wrlock(&p->lock);
	e->next = *at;
	*at = e;
	p->n++;
	pthread_rwlock_unlock(&p->lock);
}

/* Under the writer's lock. */
static void
table_remove(struct peers *p, struct peer_entry *e)
{
	struct peer_entry **at = bucket(p, &e->client.info.id);

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	p->n--;
}

/* The first entry that fits is taken out of the table; NULL: none. */
static struct peer_entry *
table_take(struct peers *p, bool (*fits)(const struct peer_entry *, const void *), const void *arg)
{
	struct peer_entry *e = NULL;

	pthread_rwlock_wrlock(&p->lock);
	for (int i = 0; i < PEER_BUCKETS && !e; i++)
		for (e = p->table[i]; e && !fits(e, arg); e = e->next)
			;
	if (e)
		table_remove(p, e);
	pthread_rwlock_unlock(&p->lock);
	return e;
}

static void
entry_free(struct peer_entry *e)
{
	if (e)
		view_close(e->client.view);
	free(e);
}

/* Gives up the table's hold on e, which is no more in the table, and closes it when those who
 * still use it are done. */
static void
entry_close(struct peers *p, struct peer_entry *e)
{
	entry_release(p, e);
	pthread_mutex_lock(&p->idle_lock);
	while (!e->idle)
		pthread_cond_wait(&p->idle, &p->idle_lock);
	pthread_mutex_unlock(&p->idle_lock);
	entry_free(e);
}

/* The images' caches keep to a bound of their own, out of the same budget; views get what is left
 * of it, and a quarter in any case. */
static uint64_t
view_budget(const struct service *service)
{
	uint64_t all = service->config->memory - service->config->memory / HEAP_LOSS;
	uint64_t images = store_image_memory(service->store);

	return images < all - all / 4 ? all - images : all / 4;
}

/* A client that is told to wait asks again and again: one line will do for a while. */
static void
log_no_view(struct peers *p, const struct client *info, int err)
{
	int64_t now = time(NULL);

	if (err == -ENOENT || err == -EACCES)
		return;
	if (err != -EBUSY) {
		log_error(
		    p->service->log, LOG_PEER, "no view: %s client=%s", err_text(err), info->name);
	} else if (now - p->refused >= BUSY_SECONDS) {
		p->refused = now;
		log_warning(p->service->log, LOG_PEER,
		    "not served till that is unmounted: %s client=%s", err_text(err), info->name);
	}
}

static int
entry_open(struct peers *p, const struct peer *peer, const struct id *view, struct peer_entry **out)
{
	struct peer_entry *e = calloc(1, sizeof(*e));
	struct client *info;
	int r;

	if (!e)
		return -ENOMEM;
	info = &e->client.info;
	atomic_init(&e->refs, 2); /* the table's and the caller's */
	r = client_find_id(p->service->store, view, info);
	for (int i = 0; r == 0 && i < info->naddresses; i++)
		peer_address_parse(info->addresses[i], e->addresses[i]);
	if (r == 0)
		r = peer_slot(e, peer->address);
	if (r >= 0)
		r = view_open(p->service->store, info, &e->client.view);
	if (r < 0) {
		log_no_view(p, info, r);
		free(e);
		return r == -ENOENT ? -ESTALE : r;
	}
	view_limit(e->client.view, view_budget(p->service) / LIMIT_SHARE);
	table_insert(p, e);
	log_debug(
	    p->service->log, LOG_PEER, "view opened client=%s peer=%s", info->name, peer->text);
	*out = e;
	return 0;
}

/* Another thread may have opened it while this one waited for its turn. */
static int
entry_get_or_open(
    struct peers *p, const struct peer *peer, const struct id *view, struct peer_entry **out)
{
	SCOPED_LOCK(&p->change);

	*out = entry_get(p, view);
	return *out ? 0 : entry_open(p, peer, view, out);
}

/* --- for callers --- */

int
peer_by_id(
    struct peers *p, const struct peer *peer, const struct id *view, struct peer_client **out)
{
	struct peer_entry *e;
	int r;

	if (!peer_port_ok(p->service, peer))
		return -EPERM;
	e = entry_get(p, view);
	if (!e) {
		r = entry_get_or_open(p, peer, view, &e);
		if (r < 0)
			return r;
	}
	r = peer_slot(e, peer->address);
	if (r < 0) {
		entry_release(p, e);
		return r;
	}
	entry_seen(e, r);
	*out = &e->client;
	return 0;
}

int
peer_by_path(struct peers *p, const struct peer *peer, struct str path, struct peer_client **out)
{
	struct store *store = p->service->store;
	struct client info;
	char name[sizeof(info.name)];
	int r;

	if (path.n < 1 || path.n > sizeof(name) || path.p[0] != '/')
		return -ENOENT;
	memcpy(name, path.p + 1, path.n - 1);
	name[path.n - 1] = '\0';
	if (path.n == 1)
		r = client_find_address(store, peer->text, &info);
	else
		r = strlen(name) == path.n - 1 ? client_find(store, name, &info) : -ENOENT;
	if (r < 0)
		return r;
	r = peer_by_id(p, peer, &info.id, out);
	return r == -ESTALE ? -ENOENT : r;
}

void
peer_release(struct peers *p, struct peer_client *client)
{
	if (client)
		entry_release(p, (struct peer_entry *)client);
}

int
peers_each(struct peers *p, int (*fn)(void *arg, struct peer_client *), void *arg)
{
	CLEANUP_FREE struct peer_entry **held = NULL;
	uint32_t n = 0;
	int r = 0;

	pthread_rwlock_rdlock(&p->lock);
	held = calloc(p->n + 1, sizeof(struct peer_entry *));
	for (int i = 0; held && i < PEER_BUCKETS; i++) {
		for (struct peer_entry *e = p->table[i]; e; e = e->next) {
			atomic_fetch_add(&e->refs, 1);
			held[n++] = e;
		}
	}
	pthread_rwlock_unlock(&p->lock);
	if (!held)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		if (r == 0)
			r = fn(arg, &held[i]->client);
		entry_release(p, held[i]);
	}
	return r;
}

/* --- closing --- */

static bool
fits_name(const struct peer_entry *e, const void *name)
{
	return strcmp(e->client.info.name, name) == 0;
}

static bool
fits_all(const struct peer_entry *e, const void *arg)
{
	(void)e;
	(void)arg;
	return true;
}

/* Nobody can begin to use it while the table is locked for writing. */
static bool
fits_idle(const struct peer_entry *e, const void *since)
{
	if (atomic_load(&e->refs) > 1)
		return false;
	for (int i = 0; i < PEER_SLOTS; i++)
		if (atomic_load(&e->seen[i]) > *(const int64_t *)since)
			return false;
	return true;
}

static void
close_fitting(
    struct peers *p, bool (*fits)(const struct peer_entry *, const void *), const void *arg)
{
	struct peer_entry *e;

	peer_mounts_refresh(p);
	while ((e = table_take(p, fits, arg)))
		entry_close(p, e);
}

int
peers_without(struct peers *p, const char *client, int (*fn)(void *arg), void *arg)
{
	SCOPED_LOCK(&p->change);

	close_fitting(p, fits_name, client);
	return fn ? fn(arg) : 0;
}

int
peers_without_all(
    struct peers *p, const char *const *clients, int n, int (*fn)(void *arg), void *arg)
{
	SCOPED_LOCK(&p->change);

	for (int i = 0; i < n; i++)
		close_fitting(p, fits_name, clients[i]);
	return fn(arg);
}

/* Held, or NULL. */
static struct peer_entry *
hold_named(struct peers *p, const char *client)
{
	struct peer_entry *e = NULL;

	pthread_rwlock_rdlock(&p->lock);
	for (int i = 0; i < PEER_BUCKETS && !e; i++)
		for (e = p->table[i]; e && !fits_name(e, client); e = e->next)
			;
	if (e)
		atomic_fetch_add(&e->refs, 1);
	pthread_rwlock_unlock(&p->lock);
	return e;
}

int
peers_with(struct peers *p, const char *const *clients, int n,
    int (*fn)(void *arg, struct view *const *views), void *arg)
{
	CLEANUP_FREE struct peer_entry **held = calloc((size_t)n + 1, sizeof(*held));
	CLEANUP_FREE struct view **views = calloc((size_t)n + 1, sizeof(*views));
	int r = held && views ? 0 : -ENOMEM;

	if (r < 0)
		return r;
	SCOPED_LOCK(&p->change);
	for (int i = 0; i < n; i++) {
		held[i] = hold_named(p, clients[i]);
		views[i] = held[i] ? held[i]->client.view : NULL;
	}
	r = fn(arg, views);
	for (int i = 0; i < n; i++)
		if (held[i])
			entry_release(p, held[i]);
	return r;
}

bool
peers_in_use(struct peers *p, const struct client *c)
{
	struct peer_entry *e = hold_named(p, c->name);
	int64_t now = time(NULL), last = peer_mounts_last(p, c->name);

	for (int i = 0; e && i < PEER_SLOTS; i++) {
		int64_t seen = atomic_load(&e->seen[i]);

		last = seen > last ? seen : last;
	}
	if (e)
		entry_release(p, e);
	if ((int64_t)p->service->started > last)
		last = (int64_t)p->service->started;
	return c->mounted && now - last < IN_USE_SECONDS;
}

int
peers_seen(struct peers *p, const char *client, int64_t since, char out[][46])
{
	struct peer_entry *e = hold_named(p, client);
	int n = 0;

	for (int i = 0; e && i < e->client.info.naddresses; i++)
		if (atomic_load(&e->seen[i]) >= since)
			snprintf(out[n++], 46, "%s", e->client.info.addresses[i]);
	if (e)
		entry_release(p, e);
	return n;
}

void
peers_drop(struct peers *p, const char *client)
{
	peers_without(p, client, NULL, NULL);
}

/* --- from the timer --- */

static int
flush_one(void *arg, struct peer_client *client)
{
	(void)arg;
	view_flush(client->view); /* what fails here is told to whoever waits for the batch */
	return 0;
}

struct memory_sum {
	uint64_t bytes, views;
};

static int
add_memory(void *arg, struct peer_client *client)
{
	struct memory_sum *sum = arg;
	struct view_usage usage;

	view_usage(client->view, &usage);
	sum->bytes += usage.memory;
	sum->views++;
	return 0;
}

static int
trim_one(void *share, struct peer_client *client)
{
	view_trim(client->view, *(uint64_t *)share);
	return 0;
}

/* Till the next tick a view may grow by a part of what is left; never by less than LIMIT_LEAST. */
static int
limit_one(void *headroom, struct peer_client *client)
{
	uint64_t room = *(uint64_t *)headroom;
	struct view_usage usage;

	view_usage(client->view, &usage);
	view_limit(client->view, usage.memory + (room > LIMIT_LEAST ? room : LIMIT_LEAST));
	return 0;
}

static void
close_idle(struct peers *p)
{
	SCOPED_LOCK(&p->change);
	int64_t since = time(NULL) - IDLE_SECONDS;

	close_fitting(p, fits_idle, &since);
}

void
peers_tick(struct peers *p)
{
	uint64_t budget = view_budget(p->service), share, headroom;
	struct memory_sum used = { 0 };

	if (time(NULL) - p->flushed >= FLUSH_SECONDS) {
		peers_each(p, flush_one, NULL);
		p->flushed = time(NULL);
	}
	close_idle(p);
	peers_each(p, add_memory, &used);
	if (used.bytes > budget) {
		share = budget / used.views;
		peers_each(p, trim_one, &share);
		malloc_trim(0); /* what was freed is in small pieces all over the heap */
	}
	headroom = used.bytes < budget ? (budget - used.bytes) / LIMIT_SHARE : 0;
	peers_each(p, limit_one, &headroom);
}

int
peers_open(struct service *service, struct peers **out)
{
	struct peers *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->service = service;
	pthread_mutex_init(&p->change, NULL);
	pthread_rwlock_init(&p->lock, NULL);
	pthread_mutex_init(&p->idle_lock, NULL);
	pthread_cond_init(&p->idle, NULL);
	peer_mounts_init(&p->mounts);
	*out = p;
	return 0;
}

void
peers_close(struct peers *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->change);
	close_fitting(p, fits_all, NULL);
	pthread_mutex_unlock(&p->change);
	peer_mounts_free(&p->mounts);
	pthread_cond_destroy(&p->idle);
	pthread_mutex_destroy(&p->idle_lock);
	pthread_rwlock_destroy(&p->lock);
	pthread_mutex_destroy(&p->change);
	free(p);
}
