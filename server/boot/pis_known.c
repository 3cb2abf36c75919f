/* Machines that knocked and are no clients, and alarms: both in memory, and bounded. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "server/boot/pis_priv.h"
#include "server/boot/trace.h"
#include "server/log.h"

#define SAME_SECONDS 600 /* an alarm that was raised so lately is counted, not told again */

#define LOG_BURST   50 /* lines at once that machines on the network can cause */
#define LOG_SECONDS 2  /* for one more */

bool
pi_rate_takes(struct pi_rate *r, uint32_t burst, uint32_t seconds)
{
	struct timespec now;
	uint64_t gone;

	clock_gettime(CLOCK_MONOTONIC, &now);
	gone = (uint64_t)(now.tv_sec - r->since) / seconds;
	if (gone) {
		r->used = gone < r->used ? r->used - (uint32_t)gone : 0;
		r->since = now.tv_sec;
	}
	if (r->used >= burst)
		return false;
	r->used++;
	return true;
}

bool
pis_may_log(struct pis *p)
{
	SCOPED_LOCK(&p->lock);

	return pi_rate_takes(&p->logged, LOG_BURST, LOG_SECONDS);
}

/* --- those that knocked --- */

static bool
is_same(const struct pi_sighting *a, const struct pi_sighting *b)
{
	if (*a->serial && *b->serial)
		return strcmp(a->serial, b->serial) == 0;
	if (*a->mac && *b->mac)
		return strcmp(a->mac, b->mac) == 0;
	return a->have_address && b->have_address &&
	       memcmp(a->address, b->address, sizeof(a->address)) == 0;
}

/* What is known now of one that was seen before. */
static void
merge(struct pi_sighting *to, const struct pi_sighting *from)
{
	if (*from->serial)
		memcpy(to->serial, from->serial, sizeof(to->serial));
	if (*from->mac)
		memcpy(to->mac, from->mac, sizeof(to->mac));
	if (*from->model)
		memcpy(to->model, from->model, sizeof(to->model));
	if (from->have_address) {
		memcpy(to->address, from->address, sizeof(to->address));
		to->have_address = true;
	}
}

/* Its place: its own, a free one, or that of whoever was silent longest. */
static struct pi_pending *
place_for(struct pis *p, const struct pi_sighting *pi)
{
	struct pi_pending *old = &p->pending[0];

	for (uint32_t i = 0; i < p->npending; i++) {
		if (is_same(&p->pending[i].pi, pi))
			return &p->pending[i];
		if (p->pending[i].last < old->last)
			old = &p->pending[i];
	}
	if (p->npending < PIS_PENDING)
		old = &p->pending[p->npending++];
	*old = (struct pi_pending){ .number = ++p->last_number, .first = time(NULL) };
	return old;
}

void
pis_knock(struct service *service, const struct pi_sighting *pi)
{
	struct pis *p = service->pis;
	struct pi_pending *at, copy;
	char name[80];
	bool tell;

	pthread_mutex_lock(&p->lock);
	at = place_for(p, pi);
	merge(&at->pi, pi);
	at->last = time(NULL);
	at->knocks++;
	copy = *at;
	tell = copy.knocks == 1 && pi_rate_takes(&p->logged, LOG_BURST, LOG_SECONDS);
	pthread_mutex_unlock(&p->lock);
	if (!tell)
		return;
	pi_name(pi, name);
	log_info(service->log, LOG_BOOT,
	    "a new Pi knocks: rubus pending number=%u serial=%s mac=%s", copy.number,
	    copy.pi.serial, copy.pi.mac);
}

/* A copy of what is there now; NULL: no memory. */
static struct pi_pending *
copy_pending(struct pis *p, uint32_t *n)
{
	struct pi_pending *all = malloc(sizeof(p->pending));

	if (!all)
		return NULL;
	pthread_mutex_lock(&p->lock);
	*n = p->npending;
	memcpy(all, p->pending, *n * sizeof(*all));
	pthread_mutex_unlock(&p->lock);
	return all;
}

static int
by_number(const void *a, const void *b)
{
	const struct pi_pending *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

int
pis_pending(struct pis *p, pi_pending_fn *fn, void *arg)
{
	uint32_t n = 0;
	struct pi_pending *all CLEANUP_FREE = copy_pending(p, &n);
	int rc = all ? 0 : -ENOMEM;

	if (all)
		qsort(all, n, sizeof(*all), by_number);
	for (uint32_t i = 0; i < n && rc == 0; i++)
		rc = fn(arg, &all[i]);
	return rc;
}

int
pis_pending_find(struct pis *p, uint32_t number, struct pi_pending *out)
{
	SCOPED_LOCK(&p->lock);

	for (uint32_t i = 0; i < p->npending; i++) {
		if (p->pending[i].number != number)
			continue;
		*out = p->pending[i];
		return 0;
	}
	return err_set(
	    ENOENT, "no Pi with the number %u is pending: rubus pending lists them", number);
}

static void
drop_pending(struct pis *p, uint32_t number)
{
	SCOPED_LOCK(&p->lock);

	for (uint32_t i = 0; i < p->npending; i++)
		if (p->pending[i].number == number)
			p->pending[i--] = p->pending[--p->npending];
}

static int
drop_if_client(void *arg, const struct pi_pending *pending)
{
	struct service *service = arg;
	const struct pi_sighting *pi = &pending->pi;
	struct client c;

	if ((*pi->serial && client_find_serial(service->store, pi->serial, &c) == 0) ||
	    (*pi->mac && client_find_mac(service->store, pi->mac, &c) == 0))
		drop_pending(service->pis, pending->number);
	return 0;
}

void
pis_tidy(struct service *service)
{
	pis_pending(service->pis, drop_if_client, service);
}

/* --- alarms --- */

static struct pi_alarm *
alarm_for(struct pis *p, const char *client, const char *text, int64_t now)
{
	for (uint32_t i = p->nalarms; i-- > 0;)
		if (strcmp(p->alarms[i].client, client) == 0 &&
		    strcmp(p->alarms[i].text, text) == 0 && now - p->alarms[i].when < SAME_SECONDS)
			return &p->alarms[i];
	if (p->nalarms == PIS_ALARMS)
		memmove(p->alarms, p->alarms + 1, --p->nalarms * sizeof(p->alarms[0]));
	memset(&p->alarms[p->nalarms], 0, sizeof(p->alarms[0]));
	return &p->alarms[p->nalarms++];
}

void
pis_alarm(struct service *service, const char *client, const char *fmt, ...)
{
	struct pis *p = service->pis;
	int64_t now = time(NULL);
	struct pi_alarm *at;
	char text[200];
	va_list args;
	bool first, tell;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	pthread_mutex_lock(&p->lock);
	at = alarm_for(p, client, text, now);
	first = at->times == 0;
	at->times++;
	at->when = now;
	memcpy(at->text, text, sizeof(at->text));
	snprintf(at->client, sizeof(at->client), "%s", client);
	tell = first && pi_rate_takes(&p->logged, LOG_BURST, LOG_SECONDS);
	pthread_mutex_unlock(&p->lock);
	if (!tell)
		return;
	log_warning(service->log, LOG_BOOT, "%s", text);
	if (*client)
		trace_note(service->trace, client, TRACE_TROUBLE, true, 0, "%s", text);
}

int
pis_alarms(struct pis *p, pi_alarm_fn *fn, void *arg)
{
	struct pi_alarm *all CLEANUP_FREE = malloc(sizeof(p->alarms));
	uint32_t n = 0;
	int rc = all ? 0 : -ENOMEM;

	if (all) {
		pthread_mutex_lock(&p->lock);
		n = p->nalarms;
		memcpy(all, p->alarms, n * sizeof(*all));
		pthread_mutex_unlock(&p->lock);
	}
	for (uint32_t i = 0; i < n && rc == 0; i++)
		rc = fn(arg, &all[i]);
	return rc;
}
