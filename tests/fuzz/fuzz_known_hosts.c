/* The reader of known_hosts on any text. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ssh/known_hosts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct known_answer answer = {0};
	struct known_file *f;

	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	if (known_file_parse(&f, "kh", text, NULL) < 0)
		return 0;
	known_file_check(&answer, f, "[web1]:2222", "ssh-ed25519", "AAAA");
	if ((answer.state == KNOWN_NOT) != (answer.path == NULL))
		__builtin_trap();
	known_file_free(f);
	return 0;
}
