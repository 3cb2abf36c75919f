/* Tables, lines and JSON out of rows. */
#include "server/cli/print.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cow/bytes.h"
#include "cow/cleanup.h"
#include "server/size.h"

#define VALUE_ROOM 64 /* at least SIZE_TEXT */

static const char *
time_text(uint64_t seconds, char *buf, size_t room)
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (!seconds)
		return "-";
	strftime(buf, room, "%Y-%m-%d %H:%M:%S", localtime_r(&t, &tm));
	return buf;
}

static const char *
ago_text(uint64_t seconds, char *buf, size_t room)
{
	int64_t ago = (int64_t)time(NULL) - (int64_t)seconds;

	if (!seconds)
		return "-";
	ago = ago > 0 ? ago : 0;
	if (ago < 120)
		snprintf(buf, room, "%" PRId64 "s", ago);
	else if (ago < 7200)
		snprintf(buf, room, "%" PRId64 "m", ago / 60);
	else if (ago < 172800)
		snprintf(buf, room, "%" PRId64 "h", ago / 3600);
	else
		snprintf(buf, room, "%" PRId64 "d", ago / 86400);
	return buf;
}

static const char *
us_text(uint64_t us, char *buf, size_t room)
{
	if (us < 1000)
		snprintf(buf, room, "%" PRIu64 "us", us);
	else if (us < 1000000)
		snprintf(buf, room, "%.1fms", (double)us / 1e3);
	else
		snprintf(buf, room, "%.1fs", (double)us / 1e6);
	return buf;
}

/* A value as people read it, in buf (64 bytes are enough) or as it is. */
static const char *
value_text(enum print_kind kind, const char *value, char *buf, size_t room)
{
	uint64_t n = value ? strtoull(value, NULL, 10) : 0;

	if (!value)
		return "-";
	switch (kind) {
	case PRINT_SIZE:
		return size_text(n, buf);
	case PRINT_TIME:
		return time_text(n, buf, room);
	case PRINT_AGO:
		return ago_text(n, buf, room);
	case PRINT_US:
		return us_text(n, buf, room);
	case PRINT_BOOL:
		return n ? "yes" : "no";
	default:
		return *value ? value : "-";
	}
}

static bool
is_right(enum print_kind kind)
{
	return kind == PRINT_COUNT || kind == PRINT_SIZE || kind == PRINT_AGO || kind == PRINT_US;
}

/* One cell and the space after it; the last of a line has none. */
static void
print_cell(const char *text, enum print_kind kind, int width, bool last)
{
	if (is_right(kind))
		printf("%*s%s", width, text, last ? "\n" : "  ");
	else if (last)
		printf("%s\n", text);
	else
		printf("%-*s  ", width, text);
}

static int
width_of(const struct proto_answer *a, const struct print_rows *rows, int column)
{
	const struct print_column *c = &rows->columns[column];
	size_t width = strlen(c->title);
	char buf[VALUE_ROOM];

	for (int i = 0; i < a->nrows; i++) {
		size_t n;

		if (strcmp(a->rows[i].kind, rows->kind) != 0)
			continue;
		n = strlen(value_text(c->kind, proto_value(&a->rows[i], c->key), buf, sizeof(buf)));
		width = n > width ? n : width;
	}
	return (int)width;
}

static int
last_shown(const struct print_rows *rows)
{
	int last = rows->n - 1;

	while (last > 0 && !rows->columns[last].title)
		last--;
	return last;
}

/* row NULL: the titles. */
static void
print_row(const struct proto_row *row, const struct print_rows *rows, const int *widths)
{
	int last = last_shown(rows);
	char buf[VALUE_ROOM];

	for (int c = 0; c <= last; c++) {
		const struct print_column *column = &rows->columns[c];

		if (!column->title)
			continue;
		print_cell(
		    row ? value_text(column->kind, proto_value(row, column->key), buf, sizeof(buf))
			: column->title,
		    column->kind, widths[c], c == last);
	}
}

void
print_table(const struct proto_answer *a, const struct print_rows *rows, const char *none)
{
	CLEANUP_FREE int *widths = NULL;

	if (!print_first(a, rows->kind)) {
		if (none)
			puts(none);
		return;
	}
	widths = calloc((size_t)rows->n, sizeof(int));
	if (!widths)
		return;
	for (int c = 0; c < rows->n; c++)
		widths[c] = rows->columns[c].title ? width_of(a, rows, c) : 0;
	print_row(NULL, rows, widths);
	for (int i = 0; i < a->nrows; i++) {
		if (strcmp(a->rows[i].kind, rows->kind) == 0)
			print_row(&a->rows[i], rows, widths);
	}
}

void
print_lines(const struct proto_row *row, const struct print_rows *rows)
{
	int width = 0;
	char buf[VALUE_ROOM];

	for (int c = 0; c < rows->n; c++) {
		const char *title = rows->columns[c].title;

		if (title && (int)strlen(title) > width)
			width = (int)strlen(title);
	}
	for (int c = 0; c < rows->n; c++) {
		const struct print_column *column = &rows->columns[c];

		if (column->title)
			printf("%-*s  %s\n", width, column->title,
			    value_text(
				column->kind, proto_value(row, column->key), buf, sizeof(buf)));
	}
}

const struct proto_row *
print_first(const struct proto_answer *a, const char *kind)
{
	for (int i = 0; i < a->nrows; i++) {
		if (strcmp(a->rows[i].kind, kind) == 0)
			return &a->rows[i];
	}
	return NULL;
}

static json_t *
json_list(const char *value)
{
	json_t *list = json_array();
	const char *end;

	for (; *value; value = *end ? end + 1 : end) {
		end = strchrnul(value, ',');
		json_array_append_new(list, json_stringn(value, (size_t)(end - value)));
	}
	return list;
}

static json_t *
json_value(enum print_kind kind, const char *value)
{
	if (!value)
		return json_null();
	if (kind == PRINT_TEXT)
		return json_string(value);
	if (kind == PRINT_LIST)
		return json_list(value);
	if (kind == PRINT_BOOL)
		return json_boolean(strcmp(value, "0") != 0);
	return json_integer((json_int_t)strtoull(value, NULL, 10));
}

json_t *
print_object(const struct proto_row *row, const struct print_rows *rows)
{
	json_t *object = json_object();

	for (int c = 0; c < rows->n; c++) {
		const struct print_column *column = &rows->columns[c];

		json_object_set_new(
		    object, column->key, json_value(column->kind, proto_value(row, column->key)));
	}
	return object;
}

json_t *
print_array(const struct proto_answer *a, const struct print_rows *rows)
{
	json_t *array = json_array();

	for (int i = 0; i < a->nrows; i++) {
		if (strcmp(a->rows[i].kind, rows->kind) == 0)
			json_array_append_new(array, print_object(&a->rows[i], rows));
	}
	return array;
}

int
print_json(json_t *json, bool compact)
{
	int failed = json_dumpf(json, stdout, compact ? JSON_COMPACT : JSON_INDENT(2));

	json_decref(json);
	putchar('\n');
	return failed || fflush(stdout) ? 1 : 0;
}
