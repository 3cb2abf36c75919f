/* Verbs about images. */
#include <errno.h>
#include <stdio.h>

#include "cow/err.h"
#include "server/ctl/verbs_priv.h"

static int
write_image(void *arg, const struct image_info *i)
{
	struct verb_call *v = arg;
	char hex[ID_HEX_SIZE];

	id_hex(&i->id, hex);
	proto_row(v->answer, "image");
	proto_str(v->answer, "name", i->name);
	proto_str(v->answer, "id", hex);
	proto_uint(v->answer, "created", (uint64_t)i->created);
	proto_uint(v->answer, "entries", i->entries);
	proto_uint(v->answer, "bytes", i->bytes);
	proto_uint(v->answer, "stored", i->stored);
	proto_uint(v->answer, "clients", i->clients);
	proto_row_end(v->answer);
	return 0;
}

int
verb_write_image(struct verb_call *v, const struct image_info *i)
{
	struct image_info now;
	int err = store_image_find(v->service->store, i->name, &now);

	return err < 0 ? err : write_image(v, &now);
}

int
verb_image_list(struct verb_call *v)
{
	return store_images(v->service->store, write_image, v);
}

int
verb_image_show(struct verb_call *v)
{
	struct image_info info;
	const char *name;
	int err = verb_need(v, "name", &name);

	if (err == 0)
		err = store_image_find(v->service->store, name, &info);
	return err < 0 ? verb_help_image(v, err) : write_image(v, &info);
}

int
verb_image_remove(struct verb_call *v)
{
	const char *name;
	int err = verb_need(v, "name", &name);

	if (err == 0)
		err = store_image_remove(v->service->store, name);
	if (err == -EBUSY) {
		char sentence[400];

		snprintf(sentence, sizeof(sentence), "%s", err_text(err));
		return err_set(
		    EBUSY, "%s: remove these first (rubus client remove NAME)", sentence);
	}
	return verb_help_image(v, err);
}
