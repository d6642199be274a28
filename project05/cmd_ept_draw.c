// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl ept map --svg: two columns, guest-physical and host-physical, and an arrow for each range.
 * The text is made for dot (Graphviz), which makes the picture of it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd_ept.h"
#include "ctl.h"
#include "ctl_vendor.h"

/* A picture of more arrows than that shows nothing. */
#define MOST_RANGES 200
#define SMALL_PAGE 4096

static const char *color_of(const struct vtx_map_range *range)
{
	if (!(range->access & VTX_PROT_WRITE))
		return "#f4d9a8"; /* read-only: sand */
	if (range->page_size > SMALL_PAGE)
		return "#a8d5ba"; /* large pages: green */
	return "#b7cdec"; /* small ones: blue */
}

static size_t shown(const struct ept_map *map)
{
	return map->count < MOST_RANGES ? map->count : MOST_RANGES;
}

/* One cell of a column; its port is where the arrow starts or ends. */
static void write_cell(FILE *out, const struct vtx_map_range *range, size_t port, bool guest)
{
	u64 first = guest ? range->gpa : range->hpa;
	char size[EPT_TEXT_SIZE];
	char page[EPT_TEXT_SIZE];
	char access[EPT_TEXT_SIZE];

	fprintf(out, "<tr><td port=\"p%zu\" bgcolor=\"%s\" align=\"left\">0x%" PRIx64, port,
		color_of(range), first);
	if (guest)
		fprintf(out, "<br align=\"left\"/>%s, pages of %s, %s %s<br align=\"left\"/>",
			ept_size_text(range->size, size), ept_size_text(range->page_size, page),
			ept_access_text(range->access, access), ept_type_name(range->memory_type));
	fprintf(out, "</td></tr>\n");
}

static void write_gap(FILE *out, u64 size)
{
	char text[EPT_TEXT_SIZE];

	fprintf(out,
		"<tr><td align=\"left\"><font color=\"gray40\">%s: nothing is mapped"
		"</font></td></tr>\n",
		ept_size_text(size, text));
}

static void write_guest(FILE *out, const struct ept_map *map)
{
	u64 next = 0;
	size_t i;

	fprintf(out, "guest [label=<<table border=\"0\" cellborder=\"1\" cellspacing=\"0\">\n"
		     "<tr><td><b>guest-physical</b></td></tr>\n");
	for (i = 0; i < shown(map); i++) {
		if (map->ranges[i].gpa > next)
			write_gap(out, map->ranges[i].gpa - next);
		write_cell(out, &map->ranges[i], i, true);
		next = map->ranges[i].gpa + map->ranges[i].size;
	}
	if (shown(map) < map->count)
		fprintf(out, "<tr><td>and %zu ranges more</td></tr>\n", map->count - shown(map));
	fprintf(out, "</table>>];\n");
}

struct place {
	u64 hpa;
	size_t range;
};

static int by_address(const void *left, const void *right)
{
	const struct place *a = left;
	const struct place *b = right;

	return a->hpa < b->hpa ? -1 : a->hpa > b->hpa;
}

static bool write_host(FILE *out, const struct ept_map *map)
{
	struct place *places = calloc(shown(map) + 1, sizeof(*places));
	size_t i;

	if (!places)
		return false;
	for (i = 0; i < shown(map); i++)
		places[i] = (struct place){ map->ranges[i].hpa, i };
	qsort(places, shown(map), sizeof(*places), by_address);
	fprintf(out, "host [label=<<table border=\"0\" cellborder=\"1\" cellspacing=\"0\">\n"
		     "<tr><td><b>host-physical</b></td></tr>\n");
	for (i = 0; i < shown(map); i++)
		write_cell(out, &map->ranges[places[i].range], places[i].range, false);
	fprintf(out, "</table>>];\n");
	free(places);
	return true;
}

static bool write_dot(FILE *out, const struct ept_map *map)
{
	size_t i;

	fprintf(out,
		"digraph %s {\n"
		"rankdir=LR; ranksep=1.5; node [shape=plain, fontname=\"sans-serif\", "
		"fontsize=10];\n"
		"edge [color=\"gray40\", arrowsize=0.6];\n",
		ctl_vendor->tables);
	write_guest(out, map);
	if (!write_host(out, map))
		return false;
	for (i = 0; i < shown(map); i++)
		fprintf(out, "guest:p%zu:e -> host:p%zu:w;\n", i, i);
	fprintf(out, "}\n");
	return !ferror(out);
}

/* ---- the file -------------------------------------------------------------------------------- */

static int fail(const char *path)
{
	ctl_error("%s map: --svg %s: writing failed: %s", ctl_vendor->tables, path,
		  strerror(errno));
	return CTL_NO;
}

static int write_file(const struct ept_map *map, const char *path)
{
	FILE *out = fopen(path, "w");
	bool written = out && write_dot(out, map);

	if (out && fclose(out))
		written = false;
	return written ? CTL_DONE : fail(path);
}

static bool dot_is_there(void)
{
	int status = system("command -v dot >/dev/null 2>&1");

	return status != -1 && WIFEXITED(status) && !WEXITSTATUS(status);
}

/* The name goes by the environment, so that no character of it means anything to the shell. */
static int draw_file(const struct ept_map *map, const char *path)
{
	FILE *dot;
	bool written;

	if (setenv("VTX_SVG", path, 1))
		return fail(path);
	dot = popen("dot -Tsvg >\"$VTX_SVG\"", "w");
	if (!dot)
		return fail(path);
	written = write_dot(dot, map);
	if (pclose(dot) || !written) {
		ctl_error("%s map: --svg %s: dot has failed; its message is above.",
			  ctl_vendor->tables, path);
		return CTL_NO;
	}
	return CTL_DONE;
}

int ept_draw(const struct ept_map *map, const char *path)
{
	size_t length = strlen(path);

	if (length > strlen(".dot") && !strcmp(path + length - strlen(".dot"), ".dot"))
		return write_file(map, path);
	if (dot_is_there())
		return draw_file(map, path);
	ctl_error("%s map: there is no dot here (Graphviz): %s gets the text that dot reads. "
		  "dot -Tsvg %s makes the picture of it elsewhere.",
		  ctl_vendor->tables, path, path);
	return write_file(map, path);
}
