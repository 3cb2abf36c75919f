/*
 * Verbs, private: what the verbs' files share.
 */
#ifndef SERVER_CTL_VERBS_PRIV_H
#define SERVER_CTL_VERBS_PRIV_H

#include "cow/client.h"
#include "server/boot/pis.h"
#include "server/ctl/verbs.h"

/* One request that runs. */
struct verb_call {
	struct service *service;
	const struct proto_request *request;
	struct proto_text *answer;
};

/* 0, or -errno with its sentence kept. */
typedef int verb_fn(struct verb_call *);

/* The value of a key that must be there: -EINVAL. */
int verb_need(const struct verb_call *, const char *key, const char **out);
/* Ends the kept sentence of a -ENOENT with the names that there are. Returns err. */
int verb_help_client(const struct verb_call *, int err);
int verb_help_image(const struct verb_call *, int err);

/* Addresses, MACs and serial numbers of the request: several for the only client, or one for each
 * of n. -EINVAL. */
int verb_take_marks(const struct proto_request *, struct client_options *, int n);
#define VERB_PIS 256
/* Machines that knocked, which are to be clients under these names. */
struct verb_take_pis {
	int n;
	struct pi_pending pis[VERB_PIS];
	char names[VERB_PIS][65];
};
/* By the keys pending and name, or all_pending and prefix. -ENOENT, -EINVAL. */
int verb_take_pending(struct verb_call *, struct verb_take_pis *);
/* The rows of alarms. */
int verb_write_alarms(struct verb_call *);

/* The row of an image that is there. */
int verb_write_image(struct verb_call *, const struct image_info *);

/* What is known of clients that are in use, for rows that tell of them. */
struct verb_use;
int verb_use_get(const struct verb_call *, struct verb_use **out);
void verb_use_free(struct verb_use **);
/* Adds a client's keys to the row: mounted_by, since, last, memory. */
void verb_use_row(const struct verb_call *, const struct verb_use *, const char *client);
uint64_t verb_use_memory(const struct verb_use *);  /* of all views */
uint32_t verb_use_mounted(const struct verb_use *); /* mounts */

verb_fn verb_image_list, verb_image_show, verb_image_remove;
verb_fn verb_client_add, verb_client_list, verb_client_show, verb_client_remove;
verb_fn verb_client_clone, verb_client_set, verb_client_let_go;
verb_fn verb_snapshot_create, verb_snapshot_list, verb_snapshot_show, verb_snapshot_remove;
verb_fn verb_revert, verb_cancel;
verb_fn verb_gc;
verb_fn verb_diff, verb_image_commit;
verb_fn verb_check, verb_repair;
verb_fn verb_image_prepare;
verb_fn verb_pending, verb_enroll, verb_enroll_show, verb_boot;
verb_fn verb_status, verb_stats, verb_df;

#endif
