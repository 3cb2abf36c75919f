/* The machine behind a request: recognised, enrolled, refused, or remembered as one that knocked.
 */
#include "server/boot/pis.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "server/boot/neighbour.h"
#include "server/boot/pis_priv.h"
#include "server/boot/trace.h"
#include "server/log.h"
#include "server/peer.h"

#define ENROLLED_MAX  4096 /* clients; so many more no stranger makes by knocking */
#define NAMES_MAX     10000
#define USED_SECONDS  10
#define ENROL_BURST   100 /* new clients at once: a school that is switched on */
#define ENROL_SECONDS 5   /* for one more */

int
pis_open(struct service *service, const char *neighbours, struct pis **out)
{
	struct pis *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->neighbours = neighbours ? neighbours : NEIGHBOUR_TABLE;
	pthread_mutex_init(&p->lock, NULL);
	pthread_mutex_init(&p->enrol, NULL);
	pthread_mutex_init(&p->boot, NULL);
	service->pis = p;
	*out = p;
	return 0;
}

void
pis_close(struct pis *p)
{
	if (!p)
		return;
	pthread_mutex_destroy(&p->boot);
	pthread_mutex_destroy(&p->enrol);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static const char *
address_text(const struct pi_sighting *pi, char out[46])
{
	*out = '\0';
	if (pi->have_address)
		peer_address_text(pi->address, out);
	return out;
}

void
pi_name(const struct pi_sighting *pi, char out[80])
{
	char address[46];

	snprintf(out, 80, "?%s",
	    *pi->serial ? pi->serial
	    : *pi->mac  ? pi->mac
			: address_text(pi, address));
}

/* --- recognising --- */

static bool
has_mac(const struct client *c, const char *mac)
{
	for (int i = 0; i < c->nmacs; i++)
		if (strcmp(c->macs[i], mac) == 0)
			return true;
	return false;
}

/* The ROM of a Pi 3 asks for its first file without its serial number, but its MAC ends as that
 * does. */
struct by_tail {
	char tail[7];
	int found;
	struct client *out;
};

static int
compare_tail(void *arg, const struct client *c)
{
	struct by_tail *b = arg;
	size_t n = strlen(c->serial);

	if (c->nmacs == 0 && n >= 6 && strcmp(c->serial + n - 6, b->tail) == 0) {
		*b->out = *c;
		b->found++;
	}
	return 0;
}

/* -ENOENT: no client, or more than one. */
static int
find_pi3(struct store *s, const struct pi_sighting *pi, struct client *out)
{
	const char *m = pi->mac;
	struct by_tail b = { .out = out };
	int rc;

	if (*pi->serial || strncmp(m, "b8:27:eb:", 9) != 0)
		return -ENOENT;
	snprintf(b.tail, sizeof(b.tail), "%.2s%.2s%.2s", m + 9, m + 12, m + 15);
	rc = client_each(s, compare_tail, &b);
	return rc < 0 ? rc : b.found == 1 ? 0 : -ENOENT;
}

/* The client that it claims to be. -ENOENT: none. */
static int
find_claimed(struct store *s, const struct pi_sighting *pi, struct client *out)
{
	char address[46];
	int rc = *pi->serial ? client_find_serial(s, pi->serial, out) : -ENOENT;

	if (rc == -ENOENT && *pi->mac)
		rc = client_find_mac(s, pi->mac, out);
	if (rc == -ENOENT && *pi->mac)
		rc = find_pi3(s, pi, out);
	/* An address alone says who it was. It may have gone to another machine since. */
	if (rc == -ENOENT && !*pi->serial && pi->have_address) {
		rc = client_find_address(s, address_text(pi, address), out);
		if (rc == 0 && *pi->mac && out->nmacs)
			rc = -ENOENT;
	}
	return rc;
}

/* Is the address the client's already? From elsewhere, who says only the serial number of one
 * whose MAC is known may be anybody. */
static bool
is_at_home(struct store *s, const struct pi_sighting *pi, const struct client *c)
{
	struct client of;
	char address[46];

	if (!pi->have_address || peer_address_is_loopback(pi->address) ||
	    neighbour_is_self(pi->address))
		return true;
	return client_find_address(s, address_text(pi, address), &of) == 0 &&
	       strcmp(of.name, c->name) == 0;
}

/* Does anything speak against it? -EACCES. */
static int
check_claim(struct service *service, const struct pi_sighting *pi, const struct client *c)
{
	struct client other;

	if (*pi->serial && *c->serial && strcmp(pi->serial, c->serial) != 0) {
		pis_alarm(service, c->name,
		    "a Pi with the serial number %s has the MAC %s, which is that of %s",
		    pi->serial, pi->mac, c->name);
		return -EACCES;
	}
	if (c->nmacs && !pi->mac_seen && !is_at_home(service->store, pi, c))
		return -EAGAIN;
	if (!*pi->mac || has_mac(c, pi->mac))
		return 0;
	if (client_find_mac(service->store, pi->mac, &other) == 0)
		pis_alarm(service, c->name,
		    "%s says that it has the serial number of %s, but by its MAC, %s, it is %s",
		    other.name, c->name, pi->mac, other.name);
	else if (c->nmacs == 0)
		return 0;
	else
		pis_alarm(service, c->name,
		    "a machine with the MAC %s says that it has the serial number of %s. If that is"
		    " right: rubus client set %s --mac %s",
		    pi->mac, c->name, c->name, pi->mac);
	return -EACCES;
}

/* A first boot completes what is known of the client. */
static void
learn_marks(struct service *service, const struct pi_sighting *pi, const struct client *c)
{
	struct client_options marks = { .name = c->name, .serial = pi->serial };
	struct client_set set = { .set_marks = true, .marks = &marks };
	int rc = 0;

	if (*pi->mac && c->nmacs == 0)
		rc = client_learn_mac(service->store, c->name, pi->mac);
	if (rc == 0 && *pi->serial && !*c->serial)
		rc = client_set(service->store, c->name, &set);
	if (rc < 0)
		log_warning(service->log, LOG_BOOT, "%s client=%s", err_text(rc), c->name);
}

/* A running Pi isn't put out by one that only says that it is the same. */
static int
check_unused(struct service *service, const struct pi_sighting *pi, const struct client *c,
    const char *address)
{
	char seen[CLIENT_ADDRESSES][46];
	int n = 0;

	if (service->peers && *c->learned && strcmp(c->learned, address) != 0)
		n = peers_seen(service->peers, c->name, time(NULL) - USED_SECONDS, seen);
	for (int i = 0; i < n; i++) {
		if (strcmp(seen[i], c->learned) != 0)
			continue;
		pis_alarm(service, c->name,
		    "a machine at %s says that it is %s, which runs at %s just now", address,
		    c->name, c->learned);
		return *pi->mac && has_mac(c, pi->mac) ? 0 : -EACCES;
	}
	return 0;
}

/* It may use its view from where it is now, and who had the address before may not any more. */
static int
learn_address(struct service *service, const struct pi_sighting *pi, const struct client *c)
{
	struct client before;
	char address[46];
	bool had;
	int rc;

	address_text(pi, address);
	if (!pi->have_address || peer_address_is_loopback(pi->address))
		return 0;
	if ((rc = check_unused(service, pi, c, address)) < 0)
		return rc;
	had = client_find_address(service->store, address, &before) == 0 &&
	      strcmp(before.name, c->name) != 0;
	rc = client_learn_address(service->store, c->name, address);
	if (rc == -EEXIST) {
		pis_alarm(service, c->name,
		    "%s boots with the address %s, which was given to %s: two machines with one"
		    " address, or a wrong --address",
		    c->name, address, before.name);
		return -EACCES;
	}
	if (rc == 1 && service->peers) {
		peers_drop(service->peers, c->name);
		if (had)
			peers_drop(service->peers, before.name);
	}
	return rc < 0 ? rc : 0;
}

static int
welcome(struct service *service, const struct pi_sighting *pi, struct client *c)
{
	char name[80];
	int rc = check_claim(service, pi, c);

	if (rc < 0 || (rc = learn_address(service, pi, c)) < 0)
		return rc;
	learn_marks(service, pi, c);
	if (*pi->mac) {
		snprintf(name, sizeof(name), "?%s", pi->mac);
		trace_adopt(service->trace, name, c->name);
	}
	pi_name(pi, name);
	trace_adopt(service->trace, name, c->name);
	return client_find(service->store, c->name, c);
}

static void
complete(const struct pis *p, struct pi_sighting *pi)
{
	char mac[sizeof(pi->mac)];

	if (!pi->have_address || neighbour_mac(p->neighbours, pi->address, mac) < 0)
		return;
	memcpy(pi->mac, mac, sizeof(mac)); /* whatever the machine says that it is */
	pi->mac_seen = true;
}

int
pis_recognise(struct service *service, const struct pi_sighting *seen, struct client *out)
{
	struct pi_sighting pi = *seen;
	int rc;

	complete(service->pis, &pi);
	rc = find_claimed(service->store, &pi, out);
	if (rc == -ENOENT)
		rc = pis_enrol(service, &pi, out);
	if (rc == -ENOENT)
		pis_knock(service, &pi);
	return rc < 0 ? rc : welcome(service, &pi, out);
}

/* --- enrolment --- */

int
pis_enrolment(struct store *s, struct pi_enrolment *out)
{
	int rc = store_setting(s, "enroll_image", out->image, sizeof(out->image));

	return rc < 0 ? rc : store_setting(s, "enroll_prefix", out->prefix, sizeof(out->prefix));
}

int
pis_set_enrolment(struct store *s, const struct pi_enrolment *e)
{
	struct image_info info;
	char name[65];
	int rc = *e->image ? store_image_find(s, e->image, &info) : 0;

	if (rc == 0 && *e->image) {
		snprintf(name, sizeof(name), "%s0001", e->prefix);
		rc = name_check("a client", name);
	}
	if (rc == 0)
		rc = store_set_setting(s, "enroll_prefix", e->prefix);
	return rc < 0 ? rc : store_set_setting(s, "enroll_image", e->image);
}

int
pis_free_name(struct store *s, const char *prefix, char out[65])
{
	struct client c;

	for (int i = 1; i < NAMES_MAX; i++) {
		int rc;

		snprintf(out, 65, "%.50s%02d", prefix, i);
		rc = client_find(s, out, &c);
		if (rc)
			return rc == -ENOENT ? 0 : rc;
	}
	return err_set(ENOSPC, "there are %d clients %s... already", NAMES_MAX - 1, prefix);
}

static int
count_client(void *arg, const struct client *c)
{
	(void)c;
	++*(int *)arg;
	return 0;
}

/* By serial number or MAC only: an address is nobody's for long. */
int
pis_enrol(struct service *service, const struct pi_sighting *pi, struct client *out)
{
	struct pi_enrolment e;
	char name[65];
	struct client_options o = { .name = name,
		.image = e.image,
		.serial = *pi->serial ? pi->serial : NULL,
		.nmacs = *pi->mac != '\0',
		.macs = { pi->mac } };
	int rc = pis_enrolment(service->store, &e), clients = 0;

	if (rc < 0)
		return rc;
	if (!*e.image || (!*pi->serial && !*pi->mac))
		return -ENOENT;
	SCOPED_LOCK(&service->pis->enrol);
	if (find_claimed(service->store, pi, out) == 0) /* by another thread, just now */
		return 0;
	if (!pi_rate_takes(&service->pis->enrolled, ENROL_BURST, ENROL_SECONDS)) {
		pis_alarm(service, "", "many new Pis at once: no more are enrolled for a while");
		return -ENOENT;
	}
	client_each(service->store, count_client, &clients);
	if (clients >= ENROLLED_MAX) {
		pis_alarm(service, "", "a new Pi isn't enrolled: there are %d clients", clients);
		return -ENOENT;
	}
	rc = pis_free_name(service->store, e.prefix, name);
	if (rc == 0)
		rc = client_add(service->store, &o);
	if (rc < 0) {
		pis_alarm(service, "", "a new Pi can't be enrolled: %s", err_text(rc));
		return -ENOENT;
	}
	log_info(service->log, LOG_BOOT, "enrolled client=%s serial=%s mac=%s image=%s", name,
	    pi->serial, pi->mac, e.image);
	return client_find(service->store, name, out);
}
