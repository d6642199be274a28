// SPDX-License-Identifier: GPL-2.0
/*
 * Numbers and names of CPUID as JSON, both ways.
 */
#include "ctl_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct json_object *ctl_json_hex(u64 value)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	return json_object_new_string(text);
}

/* UTF-8 of a code point below 100H takes one byte or two. */
static size_t utf8_put(char *out, unsigned char byte)
{
	if (byte < 0x80) {
		out[0] = byte;
		return 1;
	}
	out[0] = 0xc0 | byte >> 6;
	out[1] = 0x80 | (byte & 0x3f);
	return 2;
}

struct json_object *ctl_json_bytes(const char *bytes, size_t size)
{
	char *text = malloc(2 * size + 1);
	struct json_object *string = NULL;
	size_t length = 0;
	size_t i;

	for (i = 0; text && i < size; i++)
		length += utf8_put(text + length, bytes[i]);
	if (text)
		string = json_object_new_string_len(text, length);
	free(text);
	return string;
}

struct json_object *ctl_json_name(const char *name, size_t size)
{
	while (size && !name[size - 1])
		size--;
	return ctl_json_bytes(name, size);
}

void ctl_json_put_text(struct json_object *object, const char *key, const char *text)
{
	json_object_object_add(object, key, json_object_new_string(text));
}

void ctl_json_put_bool(struct json_object *object, const char *key, bool value)
{
	json_object_object_add(object, key, json_object_new_boolean(value));
}

void ctl_json_put_int(struct json_object *object, const char *key, s64 value)
{
	json_object_object_add(object, key, json_object_new_int64(value));
}

void ctl_json_put_hex(struct json_object *object, const char *key, u64 value)
{
	json_object_object_add(object, key, ctl_json_hex(value));
}

void ctl_json_put_null(struct json_object *object, const char *key)
{
	json_object_object_add(object, key, NULL);
}

void ctl_json_print(struct json_object *object)
{
	puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY |
							    JSON_C_TO_STRING_SPACED |
							    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
}

bool ctl_json_get_hex(struct json_object *value, u64 *out)
{
	const char *text;
	size_t digits;

	if (!json_object_is_type(value, json_type_string))
		return false;
	text = json_object_get_string(value);
	if (strncmp(text, "0x", 2))
		return false;
	digits = strspn(text + 2, "0123456789abcdefABCDEF");
	if (!digits || digits > 16 || digits + 2 != (size_t)json_object_get_string_len(value))
		return false;
	*out = strtoull(text + 2, NULL, 16);
	return true;
}

/* The next code point, which must be below 100H; -1 if it is not. */
static int utf8_get(const unsigned char *text, size_t left, size_t *used)
{
	*used = 1;
	if (text[0] < 0x80)
		return text[0];
	*used = 2;
	if ((text[0] & 0xfe) != 0xc2 || left < 2 || (text[1] & 0xc0) != 0x80)
		return -1;
	return (text[0] & 0x03) << 6 | (text[1] & 0x3f);
}

bool ctl_json_get_name(struct json_object *value, char *name, size_t size)
{
	const unsigned char *text;
	size_t length;
	size_t used;
	size_t i = 0;
	int byte;

	if (!json_object_is_type(value, json_type_string))
		return false;
	text = (const unsigned char *)json_object_get_string(value);
	length = json_object_get_string_len(value);
	memset(name, 0, size);
	for (; length; text += used, length -= used) {
		byte = utf8_get(text, length, &used);
		if (byte < 0 || i == size)
			return false;
		name[i++] = byte;
	}
	return true;
}
