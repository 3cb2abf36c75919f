/*
 * Main: a fuzz target without libFuzzer: every file of the corpus that bears the program's name
 * (record_corpus: corpus/record), once.
 */
#include <dirent.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

/* The bytes lie at the very end of their memory, so that a sanitizer sees one too far. */
static int
run_file(const char *folder, const char *name)
{
	char path[4096];
	uint8_t *buf, *exact;
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "rb");
	buf = malloc(1 << 20);
	if (f == NULL || buf == NULL) {
		perror(path);
		return 1;
	}
	n = fread(buf, 1, 1 << 20, f);
	fclose(f);
	exact = malloc(n ? n : 1);
	if (exact == NULL)
		return 1;
	memcpy(exact, buf, n);
	free(buf);
	LLVMFuzzerTestOneInput(exact, n);
	free(exact);
	return 0;
}

int
main(int argc, char **argv)
{
	const char *srcdir = getenv("srcdir"), *slash = strrchr(argv[0], '/');
	const char *name = slash ? slash + 1 : argv[0];
	struct dirent *e;
	char folder[2048];
	int files = 0, bad = 0;
	DIR *dir;

	(void)argc;
	snprintf(folder, sizeof(folder), "%s/tests/fuzz/corpus/%.*s", srcdir ? srcdir : ".",
	    (int)strcspn(name, "_"), name);
	dir = opendir(folder);
	if (dir == NULL) {
		perror(folder);
		return 1;
	}
	while ((e = readdir(dir)) != NULL)
		if (e->d_name[0] != '.') {
			bad += run_file(folder, e->d_name);
			files++;
		}
	closedir(dir);
	printf("%s: %d files\n", folder, files);
	return bad > 0 || files == 0;
}
