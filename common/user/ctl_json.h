/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file ctl_json.h
 * @brief What vtxctl writes and reads again as JSON: numbers as "0x…", CPUID's names as text.
 *
 * JSON's numbers are doubles to most readers, so a 64-bit value is a string of hexadecimal digits.
 * A name of CPUID is 12 bytes, any bytes: each is the character of the same code point, and the
 * zeros at the end are left out.
 */
#ifndef CTL_JSON_H
#define CTL_JSON_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "vtx_types.h"

/** "0x1f". */
struct json_object *ctl_json_hex(u64 value);

/** Any bytes: each is the character of the same code point. NULL if there is no memory for it. */
struct json_object *ctl_json_bytes(const char *bytes, size_t size);

/** The name in @p size bytes, without the zeros at its end. */
struct json_object *ctl_json_name(const char *name, size_t size);

/** Put a text under @p key. */
void ctl_json_put_text(struct json_object *object, const char *key, const char *text);

/** Put a truth value under @p key. */
void ctl_json_put_bool(struct json_object *object, const char *key, bool value);

/** Put a small number under @p key. */
void ctl_json_put_int(struct json_object *object, const char *key, s64 value);

/** Put "0x…" under @p key. */
void ctl_json_put_hex(struct json_object *object, const char *key, u64 value);

/** Put a null under @p key: the fact does not exist. */
void ctl_json_put_null(struct json_object *object, const char *key);

/** Print with indentation and a newline on stdout, and free it. */
void ctl_json_print(struct json_object *object);

/** Read "0x…" of at most 16 digits; false if @p value is anything else. */
bool ctl_json_get_hex(struct json_object *value, u64 *out);

/**
 * Read a file that holds one JSON object; complains when it cannot.
 *
 * @param path "-" is stdin
 * @param what it should be, for messages: "the output of vtxctl detect --json"
 * @return the object, to be freed with json_object_put(); NULL
 */
struct json_object *ctl_json_load(const char *path, const char *what);

/** Read a name into @p size bytes, padded with zeros; false if it does not fit or is no text. */
bool ctl_json_get_name(struct json_object *value, char *name, size_t size);

#endif
