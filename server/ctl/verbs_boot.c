/* Verbs about machines that boot: those that are pending, enrolment, and what was seen of boots. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cow/err.h"
#include "server/boot/pis.h"
#include "server/boot/trace.h"
#include "server/ctl/verbs_priv.h"

/* In the answer of a command that ran without a rubusd there is nothing to tell. */
static int
need_daemon(const struct verb_call *v)
{
	return v->service->pis ? 0
			       : err_set(ENOTCONN,
				     "rubusd doesn't run on %s: nothing is known of Pis that boot",
				     files_path(store_files(v->service->store)));
}

static int
write_pending(void *arg, const struct pi_pending *p)
{
	struct verb_call *v = arg;
	char address[46] = "";
	struct pi_sighting at = p->pi;

	at.serial[0] = at.mac[0] = '\0';
	if (at.have_address) {
		char name[80];

		pi_name(&at, name);
		snprintf(address, sizeof(address), "%.45s", name + 1);
	}
	proto_row(v->answer, "pending");
	proto_uint(v->answer, "number", p->number);
	proto_str(v->answer, "model", p->pi.model);
	proto_str(v->answer, "serial", p->pi.serial);
	proto_str(v->answer, "mac", p->pi.mac);
	proto_str(v->answer, "address", address);
	proto_uint(v->answer, "first", (uint64_t)p->first);
	proto_uint(v->answer, "last", (uint64_t)p->last);
	proto_uint(v->answer, "knocks", p->knocks);
	proto_row_end(v->answer);
	return 0;
}

int
verb_pending(struct verb_call *v)
{
	int err = need_daemon(v);

	if (err < 0)
		return err;
	pis_tidy(v->service);
	return pis_pending(v->service->pis, write_pending, v);
}

static int
write_enrolment(struct verb_call *v)
{
	struct pi_enrolment e;
	int err = pis_enrolment(v->service->store, &e);

	if (err < 0)
		return err;
	proto_row(v->answer, "enrolment");
	proto_uint(v->answer, "on", *e.image != '\0');
	proto_str(v->answer, "image", e.image);
	proto_str(v->answer, "prefix", e.prefix);
	proto_row_end(v->answer);
	return 0;
}

int
verb_enroll_show(struct verb_call *v)
{
	return write_enrolment(v);
}

int
verb_enroll(struct verb_call *v)
{
	const char *image = proto_get(v->request, "image", 0),
		   *prefix = proto_get(v->request, "prefix", 0);
	struct pi_enrolment e = { .prefix = "pi-" };
	int err = 0;

	if (strlen(prefix ? prefix : "") >= sizeof(e.prefix))
		return err_set(EINVAL, "a prefix has %zu letters at most", sizeof(e.prefix) - 1);
	if (prefix)
		snprintf(e.prefix, sizeof(e.prefix), "%s", prefix);
	snprintf(e.image, sizeof(e.image), "%s", image ? image : "");
	err = pis_set_enrolment(v->service->store, &e);
	return err < 0 ? verb_help_image(v, err) : write_enrolment(v);
}

/* --- clients of those that are pending --- */

struct take {
	struct verb_take_pis *to;
	int size;
};

static int
take_all(void *arg, const struct pi_pending *p)
{
	struct take *t = arg;

	if (t->to->n == t->size)
		return 1;
	t->to->pis[t->to->n++] = *p;
	return 0;
}

/* Names for all of them, none twice. */
static int
name_all(struct verb_call *v, struct verb_take_pis *to, const char *prefix)
{
	struct client c;
	int number = 0, err;

	for (int i = 0; i < to->n; i++) {
		do {
			snprintf(to->names[i], sizeof(to->names[i]), "%.50s%02d", prefix, ++number);
			err = client_find(v->service->store, to->names[i], &c);
		} while (err == 0);
		if (err != -ENOENT)
			return err;
	}
	return 0;
}

int
verb_take_pending(struct verb_call *v, struct verb_take_pis *to)
{
	const char *prefix = proto_get(v->request, "prefix", 0), *number;
	struct take all = { to, VERB_PIS };
	int err = need_daemon(v);

	if (err < 0)
		return err;
	pis_tidy(v->service);
	if (proto_get(v->request, "all_pending", 0)) {
		err = pis_pending(v->service->pis, take_all, &all);
		if (err >= 0 && to->n == 0)
			return err_set(ENOENT, "no Pi is pending");
		return err < 0 ? err : name_all(v, to, prefix ? prefix : "pi-");
	}
	for (int i = 0; (number = proto_get(v->request, "pending", i)) && i < VERB_PIS; i++) {
		const char *name = proto_get(v->request, "name", i);

		if (!*number || strspn(number, "0123456789") != strlen(number))
			return err_set(EINVAL, "--pending %s: that is no number", number);
		if (!name)
			return err_set(EINVAL, "each pending Pi takes a name");
		err = pis_pending_find(
		    v->service->pis, (uint32_t)strtoul(number, NULL, 10), &to->pis[i]);
		if (err < 0)
			return err;
		snprintf(to->names[i], sizeof(to->names[i]), "%s", name);
		to->n = i + 1;
	}
	return proto_get(v->request, "name", to->n)
		   ? err_set(EINVAL, "each name takes a pending Pi")
		   : 0;
}

/* --- what was seen --- */

static int
write_event(void *arg, const char *who, const struct trace_event *e)
{
	struct verb_call *v = arg;

	proto_row(v->answer, "event");
	proto_str(v->answer, "who", who);
	proto_uint(v->answer, "boot", e->boot);
	proto_uint(v->answer, "ms", (uint64_t)e->ms);
	proto_str(v->answer, "stage", trace_stage_name(e->stage));
	proto_uint(v->answer, "failed", e->failed);
	proto_uint(v->answer, "bytes", e->bytes);
	proto_str(v->answer, "detail", e->detail);
	proto_row_end(v->answer);
	return 0;
}

/* Of a client, or of a machine that is none yet, by how it is called: ?SERIAL, ?MAC. */
int
verb_boot(struct verb_call *v)
{
	struct client c;
	const char *name;
	int err = verb_need(v, "name", &name);

	if (err == 0)
		err = need_daemon(v);
	if (err == 0 && name[0] != '?')
		err = client_find(v->service->store, name, &c);
	if (err < 0)
		return verb_help_client(v, err);
	return trace_each(v->service->trace, name, write_event, v);
}

/* Every alarm of the last day, for `status`. */
static int
write_alarm(void *arg, const struct pi_alarm *a)
{
	struct verb_call *v = arg;

	proto_row(v->answer, "alarm");
	proto_str(v->answer, "client", a->client);
	proto_uint(v->answer, "when", (uint64_t)a->when);
	proto_uint(v->answer, "times", a->times);
	proto_str(v->answer, "text", a->text);
	proto_row_end(v->answer);
	return 0;
}

int
verb_write_alarms(struct verb_call *v)
{
	return v->service->pis ? pis_alarms(v->service->pis, write_alarm, v) : 0;
}
