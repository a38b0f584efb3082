/* The reader of ssh_config on any text. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ssh/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct client_config c;

	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	if (client_config_parse(&c, "web1", "config", text, NULL) == 0) {
		if (!c.hostname || c.port > 65535)
			__builtin_trap();
		client_config_release(&c);
	}
	free(text);
	return 0;
}
