/* The table of verbs, and what all of them need. */
#include "server/ctl/verbs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cow/err.h"
#include "server/ctl/verbs_priv.h"
#include "server/log.h"

struct verb {
	const char *name;
	verb_fn *run;
	bool reads;
};

static const struct verb verbs[] = {
	{ "image-list", verb_image_list, true },
	{ "image-show", verb_image_show, true },
	{ "image-prepare", verb_image_prepare, false },
	{ "image-remove", verb_image_remove, false },
	{ "client-add", verb_client_add, false },
	{ "client-list", verb_client_list, true },
	{ "client-show", verb_client_show, true },
	{ "client-remove", verb_client_remove, false },
	{ "client-clone", verb_client_clone, false },
	{ "client-set", verb_client_set, false },
	{ "client-let-go", verb_client_let_go, false },
	{ "snapshot-create", verb_snapshot_create, false },
	{ "snapshot-list", verb_snapshot_list, true },
	{ "snapshot-show", verb_snapshot_show, true },
	{ "snapshot-remove", verb_snapshot_remove, false },
	{ "revert", verb_revert, false },
	{ "image-update", verb_revert, false },
	{ "cancel", verb_cancel, false },
	{ "diff", verb_diff, true },
	{ "image-commit", verb_image_commit, false },
	{ "check", verb_check, true },
	{ "repair", verb_repair, false },
	{ "gc", verb_gc, false },
	{ "pending", verb_pending, true },
	{ "enroll", verb_enroll, false },
	{ "enroll-show", verb_enroll_show, true },
	{ "boot", verb_boot, true },
	{ "df", verb_df, true },
	{ "status", verb_status, true },
	{ "stats", verb_stats, true },
};

static const struct verb *
find_verb(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	}
	return NULL;
}

bool
verbs_reads(const char *name)
{
	const struct verb *v = find_verb(name);

	return v && v->reads;
}

void
verbs_run(struct service *service, const struct proto_request *request, struct proto_text *answer)
{
	struct verb_call call = { service, request, answer };
	const struct verb *v = find_verb(request->verb);
	int err = v ? v->run(&call) : err_set(ENOSYS, "there is no verb %s", request->verb);

	proto_end(answer, err, err < 0 ? err_text(err) : NULL);
	if (v && !v->reads)
		log_info(service->log, LOG_CTL, "%s verb=%s name=%s", err < 0 ? "refused" : "done",
		    v->name, proto_get(request, "name", 0) ? proto_get(request, "name", 0) : "");
}

int
verb_need(const struct verb_call *v, const char *key, const char **out)
{
	*out = proto_get(v->request, key, 0);
	return *out && **out ? 0 : err_set(EINVAL, "%s wants a %s", v->request->verb, key);
}

/* A list of names as a sentence has it: "a, b, c and 5 more". */
struct names {
	char text[300];
	uint32_t n, left;
};

static int
add_name(struct names *names, const char *name)
{
	size_t at = strlen(names->text);

	if (at + strlen(name) + 24 > sizeof(names->text))
		names->left++;
	else
		snprintf(
		    names->text + at, sizeof(names->text) - at, "%s%s", names->n ? ", " : "", name);
	names->n++;
	return 0;
}

static int
add_client(void *arg, const struct client *c)
{
	return add_name(arg, c->name);
}

static int
add_image(void *arg, const struct image_info *i)
{
	return add_name(arg, i->name);
}

static int
help(int err, const char *sentence, const struct names *names, const char *none)
{
	if (names->n == 0)
		return err_set(-err, "%s; %s", sentence, none);
	if (names->left)
		return err_set(
		    -err, "%s; there are %s and %u more", sentence, names->text, names->left);
	return err_set(
	    -err, "%s; there %s %s", sentence, names->n == 1 ? "is" : "are", names->text);
}

int
verb_help_client(const struct verb_call *v, int err)
{
	struct names names = { 0 };
	char sentence[200];

	if (err != -ENOENT)
		return err;
	snprintf(sentence, sizeof(sentence), "%s", err_text(err));
	client_each(v->service->store, add_client, &names);
	return help(err, sentence, &names,
	    "there is none yet: rubus client add NAME --image IMAGE makes one");
}

int
verb_help_image(const struct verb_call *v, int err)
{
	struct names names = { 0 };
	char sentence[200];

	if (err != -ENOENT)
		return err;
	snprintf(sentence, sizeof(sentence), "%s", err_text(err));
	store_images(v->service->store, add_image, &names);
	return help(err, sentence, &names,
	    "there is none yet: rubus image import SOURCE --name NAME makes one");
}
