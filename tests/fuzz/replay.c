/* SPDX-License-Identifier: MIT */
/*
 * Runs a fuzz target over every file of the folders it is given, so that the corpora are
 * ordinary tests without libFuzzer. Each input is also tried in all its prefixes of up to
 * 300 bytes: cheap, and where parsers of text like to fail.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>

#include "fuzz.h"

#define INPUT_MAX (1024 * 1024)
#define PREFIX_MAX 300

static void run_copy(const uint8_t *data, size_t size)
{
	/* Exactly as large, so that the address sanitizer sees a read past its end. */
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static int run_file(const char *folder, const char *name)
{
	static uint8_t data[INPUT_MAX];
	char path[4096];
	size_t size;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "re");
	if (!f) {
		perror(path);
		return -1;
	}
	size = fread(data, 1, sizeof(data), f);
	fclose(f);

	fprintf(stderr, "%s\n", path);
	run_copy(data, size);
	for (size_t n = 0; n < size && n <= PREFIX_MAX; n++)
		run_copy(data, n);
	return 0;
}

static int run_folder(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	int files = 0;

	if (!dir) {
		perror(folder);
		return -1;
	}
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		if (run_file(folder, entry->d_name) < 0)
			files = -1;
		else if (files >= 0)
			files++;
	}
	closedir(dir);
	return files;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (run_folder(argv[i]) <= 0) {
			fprintf(stderr, "%s: no input was run\n", argv[i]);
			return 1;
		}
	}
	return argc > 1 ? 0 : 1;
}
