/* What a scalar of YAML is: see yaml.h for the rules. */
#ifndef NEAP_STATE_SCALAR_H
#define NEAP_STATE_SCALAR_H

#include <stdbool.h>
#include <stddef.h>

#include "datum.h"

/* What a tag says that a value is. */
enum scalar_type {
	SCALAR_TYPE_ANY, /* there is no tag */
	SCALAR_TYPE_TEXT,
	SCALAR_TYPE_NULL,
	SCALAR_TYPE_BOOLEAN,
	SCALAR_TYPE_INTEGER,
	SCALAR_TYPE_FLOAT,
	SCALAR_TYPE_COLLECTION,
};

/* The type of a tag, NULL for none; false where the schema has no such tag. */
bool scalar_type_of_tag(enum scalar_type *out, const char *tag);

/* The scalar as a datum that borrows `s`, which ends in a NUL. False where it
 * is not what `type` asks for. */
bool scalar_read(struct datum *d, const char *s, size_t len,
    enum scalar_type type, bool plain);

#endif
