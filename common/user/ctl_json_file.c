// SPDX-License-Identifier: GPL-2.0
/*
 * Reading a file that holds one JSON object.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "ctl_json.h"

/* The facts of a thousand CPUs fit. Anything larger was not written by vtxctl. */
#define FILE_BYTES_MAX (32 * 1024 * 1024)

static size_t read_stream(FILE *file, const char *path, const char *what, char *text)
{
	size_t size = fread(text, 1, FILE_BYTES_MAX + 1, file);

	if (ferror(file))
		ctl_error("reading %s failed: %m", path);
	else if (size > FILE_BYTES_MAX)
		ctl_error("%s is larger than %d bytes: not %s", path, FILE_BYTES_MAX, what);
	else if (!size)
		ctl_error("%s is empty: expected %s", path, what);
	else
		return size;
	return 0;
}

/* Bytes read; 0 after a complaint. */
static size_t read_file(const char *path, const char *what, char *text)
{
	bool is_stdin = !strcmp(path, "-");
	FILE *file = is_stdin ? stdin : fopen(path, "r");
	size_t size;

	if (!file) {
		ctl_error("opening %s failed: %m", path);
		return 0;
	}
	size = read_stream(file, path, what, text);
	if (!is_stdin)
		fclose(file);
	return size;
}

/* Only white space may follow the object. */
static bool nothing_follows(const char *text, size_t size, size_t parsed)
{
	while (parsed < size && strchr(" \t\r\n", text[parsed]) && text[parsed])
		parsed++;
	return parsed == size;
}

/* What json-c says itself is "success" and "continue" in these two cases. */
static const char *parse_complaint(enum json_tokener_error error)
{
	switch (error) {
	case json_tokener_success:
		return "something else is there";
	case json_tokener_continue:
		return "it ends too early,";
	default:
		return json_tokener_error_desc(error);
	}
}

static struct json_object *parse_text(const char *path, const char *text, size_t size)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *top;
	size_t parsed;

	if (!tokener)
		return NULL;
	top = json_tokener_parse_ex(tokener, text, size);
	parsed = json_tokener_get_parse_end(tokener);
	if (!top || !nothing_follows(text, size, parsed)) {
		ctl_error("%s is not one JSON object: %s at byte %zu", path,
			  parse_complaint(json_tokener_get_error(tokener)), parsed);
		json_object_put(top);
		top = NULL;
	}
	json_tokener_free(tokener);
	return top;
}

struct json_object *ctl_json_load(const char *path, const char *what)
{
	char *text = malloc(FILE_BYTES_MAX + 1);
	struct json_object *top = NULL;
	size_t size = 0;

	if (text)
		size = read_file(path, what, text);
	else
		ctl_error("no memory to read %s", path);
	if (size)
		top = parse_text(path, text, size);
	free(text);
	return top;
}
