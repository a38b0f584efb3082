/* Runs files through a fuzzer's function, each once: how seeds, and what
 * fuzzers found, are tested where there is no libFuzzer. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_BYTES = 1 << 20 };

static int replay(const char *path)
{
	uint8_t *data = malloc(MOST_BYTES);
	FILE *f = fopen(path, "rb");
	int rc = -1;

	if (!data || !f)
		goto out;
	fprintf(stderr, "%s\n", path); /* the last one is the culprit */
	rc = LLVMFuzzerTestOneInput(data, fread(data, 1, MOST_BYTES, f));
out:
	if (rc < 0)
		perror(path);
	if (f)
		fclose(f);
	free(data);
	return rc;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (replay(argv[i]) < 0)
			return 1;
	return LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
}
