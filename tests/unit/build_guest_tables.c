// SPDX-License-Identifier: GPL-2.0
/*
 * The page tables of a made-up guest, for test_guest_tables_logic.py.
 *
 *	build_guest_tables SIZE SEED HUGE	HUGE: in how many of 8 cases 2 MiB are one piece
 *
 * Prints what guest_tables_build() returns, each frame, and the content of each page written.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "guest_tables_logic.h"

#define PAGE 4096ULL
#define REGION (2ULL << 20)

struct memory {
	u64 pages;
	u64 *frame; /* of each page */
	bool *huge; /* of each region */
	u64 **content; /* of each page that somebody asked for */
};

static u64 draw(u64 *seed)
{
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return *seed >> 33;
}

static u64 frame(void *ctx, u64 gpa)
{
	return ((struct memory *)ctx)->frame[gpa / PAGE];
}

static bool is_huge(void *ctx, u64 gpa)
{
	return ((struct memory *)ctx)->huge[gpa / REGION];
}

static u64 *page(void *ctx, u64 gpa)
{
	u64 **content = &((struct memory *)ctx)->content[gpa / PAGE];

	if (!*content) {
		*content = malloc(PAGE);
		memset(*content, 0xa5, PAGE); /* a guest's own data may be there */
	}
	return *content;
}

/* The last region comes first in the host; what is not one piece has its pages backwards. */
static void make(struct memory *m, u64 size, u64 seed, u64 huge)
{
	u64 regions = (size + REGION - 1) / REGION, i;

	m->pages = size / PAGE;
	m->frame = calloc(m->pages, sizeof(*m->frame));
	m->content = calloc(m->pages, sizeof(*m->content));
	m->huge = calloc(regions + 1, sizeof(*m->huge));
	for (i = 0; i < regions; i++)
		m->huge[i] = (i + 1) * REGION <= size && draw(&seed) % 8 < huge;
	for (i = 0; i < m->pages; i++) {
		u64 region = i * PAGE / REGION;
		u64 within = i * PAGE % REGION;
		u64 base = (1 + regions - region) * 4 * REGION;

		m->frame[i] = m->huge[region] ? base + within : base + (REGION - PAGE - within);
	}
}

static void print(const struct memory *m)
{
	u64 i;
	int word;

	for (i = 0; i < m->pages; i++) {
		printf("frame %#" PRIx64 " %#" PRIx64 "\n", i * PAGE, m->frame[i]);
		if (!m->content[i])
			continue;
		printf("page %#" PRIx64, m->frame[i]);
		for (word = 0; word < 512; word++)
			printf(" %" PRIx64, m->content[i][word]);
		printf("\n");
	}
}

int main(int argc, char **argv)
{
	static struct memory m; /* static: what it points to is no leak */
	struct guest_tables t = { .ctx = &m, .frame = frame, .is_huge = is_huge, .page = page };
	int result;

	if (argc != 4)
		return 2;
	t.size = strtoull(argv[1], NULL, 0);
	make(&m, t.size, strtoull(argv[2], NULL, 0), strtoull(argv[3], NULL, 0));
	result = guest_tables_build(&t);
	printf("built %d %#" PRIx64 " %#" PRIx64 "\n", result, t.usable, t.root);
	print(&m);
	return 0;
}
