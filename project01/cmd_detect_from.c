// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl detect --from: a machine out of a file instead of out of hardware.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd_detect.h"
#include "ctl.h"
#include "detect_logic.h"

/* A CPU takes about 24 KByte: over a thousand fit. Anything larger was not written by vtxctl. */
#define FILE_BYTES_MAX (32 * 1024 * 1024)

static size_t read_stream(FILE *file, const char *path, char *text)
{
	size_t size = fread(text, 1, FILE_BYTES_MAX + 1, file);

	if (ferror(file))
		ctl_error("reading %s failed: %m", path);
	else if (size > FILE_BYTES_MAX)
		ctl_error("%s is larger than %d bytes: not the output of vtxctl detect --json",
			  path, FILE_BYTES_MAX);
	else if (!size)
		ctl_error("%s is empty: expected the output of vtxctl detect --json", path);
	else
		return size;
	return 0;
}

/* Bytes read; 0 after a complaint. */
static size_t read_file(const char *path, char *text)
{
	bool is_stdin = !strcmp(path, "-");
	FILE *file = is_stdin ? stdin : fopen(path, "r");
	size_t size;

	if (!file) {
		ctl_error("opening %s failed: %m", path);
		return 0;
	}
	size = read_stream(file, path, text);
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

static struct json_object *load(const char *path)
{
	char *text = malloc(FILE_BYTES_MAX + 1);
	struct json_object *top = NULL;
	size_t size = 0;

	if (text)
		size = read_file(path, text);
	else
		ctl_error("no memory to read %s", path);
	if (size)
		top = parse_text(path, text, size);
	free(text);
	return top;
}

static struct json_object *find_cpus(const char *path, struct json_object *top)
{
	struct json_object *raw;
	struct json_object *cpus;

	/* get_ex() leaves its argument alone unless it is an object with that key. */
	if (json_object_is_type(top, json_type_object) &&
	    json_object_object_get_ex(top, "raw", &raw) &&
	    json_object_is_type(raw, json_type_object) &&
	    json_object_object_get_ex(raw, "cpus", &cpus) &&
	    json_object_is_type(cpus, json_type_array) && json_object_array_length(cpus))
		return cpus;
	ctl_error("%s: expected {\"raw\": {\"cpus\": [...]}} with at least one CPU, as vtxctl "
		  "detect --json writes it", path);
	return NULL;
}

static int read_cpus(struct json_object *cpus, struct detect_machine *machine)
{
	size_t count = json_object_array_length(cpus);
	size_t i;

	machine->cpus = calloc(count, sizeof(*machine->cpus));
	if (!machine->cpus) {
		ctl_error("no memory for %zu CPUs", count);
		return CTL_USAGE;
	}
	for (i = 0; i < count; i++) {
		struct vtx_cpu_query *query = &machine->cpus[i];

		if (!detect_raw_read(json_object_array_get_idx(cpus, i), i, &query->facts))
			return CTL_USAGE;
		query->cpu = query->facts.cpu;
		query->verdict = detect_verdict(&query->facts);
		query->differs = detect_compare(&machine->cpus[0].facts, &query->facts);
		machine->count++;
	}
	return CTL_DONE;
}

int detect_from_file(const char *path, struct detect_machine *machine)
{
	struct json_object *top = load(path);
	struct json_object *cpus;
	int status = CTL_USAGE;

	machine->from_file = true;
	if (!top)
		return CTL_USAGE;
	cpus = find_cpus(path, top);
	if (cpus)
		status = read_cpus(cpus, machine);
	json_object_put(top);
	return status;
}
