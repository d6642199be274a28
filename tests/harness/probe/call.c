// SPDX-License-Identifier: GPL-2.0
/*
 * Call a function of the module under test, on a CPU of the test's choice: what it returns for each
 * way in which an instruction can end cannot be seen from outside.
 */
#include "probe.h"

#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/kallsyms.h>
#include <linux/mm.h>
#include <linux/mutex.h>

/* Pages that tests have VMXON regions and VMCSs in. */
#define PAGES 8

static struct page *pages[PAGES];

struct call {
	u64 address, argument, second;
	u64 value; /* what a function writes that gets a pointer to it */
	int result;
};

static void call_two(void *arg)
{
	struct call *c = arg;
	int (*fn)(u64 argument, u64 second) = (void *)(unsigned long)c->address;

	c->result = fn(c->argument, c->second);
}

static void call_out(void *arg)
{
	struct call *c = arg;
	int (*fn)(u64 argument, u64 *value) = (void *)(unsigned long)c->address;

	c->result = fn(c->argument, &c->value);
}

/* A test has its address from /proc/kallsyms; anything else is a mistake of the test's. */
bool probe_is_function(u64 address)
{
	char name[KSYM_SYMBOL_LEN];

	sprint_symbol(name, address);
	return strstr(name, "+0x0/");
}

int probe_call(struct probe_query *q)
{
	struct call c = { .address = q->arg[1], .argument = q->arg[2], .second = q->arg[3] };
	int err = probe_is_function(c.address) ? probe_on_cpu(q->arg[0], call_two, &c) : -EINVAL;

	return err ?: scnprintf(q->out, PROBE_ANSWER, "%d\n", c.result);
}

int probe_callout(struct probe_query *q)
{
	struct call c = { .address = q->arg[1], .argument = q->arg[2], .value = q->arg[3] };
	int err = probe_is_function(c.address) ? probe_on_cpu(q->arg[0], call_out, &c) : -EINVAL;

	return err ?: scnprintf(q->out, PROBE_ANSWER, "%d %#llx\n", c.result, c.value);
}

/* The same pages each time, so that a test that fails half-way leaves nothing behind. */
int probe_page(struct probe_query *q)
{
	struct page **page;

	if (q->arg[0] >= PAGES || q->arg[1] > U32_MAX)
		return -EINVAL;
	page = &pages[q->arg[0]];
	if (!*page)
		*page = alloc_page(GFP_KERNEL);
	if (!*page)
		return -ENOMEM;
	clear_page(page_address(*page));
	*(u32 *)page_address(*page) = q->arg[1];
	return scnprintf(q->out, PROBE_ANSWER, "%#llx\n", (u64)page_to_phys(*page));
}

/* ---- functions that get pointers: what they point to is in these pages --------------------- */

#define POINTERS 3
#define WORDS_MAX 32

struct call_pages {
	u64 address;
	int result;
};

static u64 *words_of(u64 number)
{
	return number < PAGES && pages[number] ? page_address(pages[number]) : NULL;
}

int probe_set(struct probe_query *q)
{
	u64 *words = words_of(q->arg[0]);

	if (!words || q->arg[1] >= WORDS_MAX)
		return -EINVAL;
	words[q->arg[1]] = q->arg[2];
	return scnprintf(q->out, PROBE_ANSWER, "ok\n");
}

static void call_pages(void *arg)
{
	struct call_pages *c = arg;
	int (*fn)(u64 *first, u64 *second, u64 *third) = (void *)(unsigned long)c->address;

	c->result = fn(words_of(0), words_of(1), words_of(2));
}

int probe_callpages(struct probe_query *q)
{
	struct call_pages c = { .address = q->arg[1] };
	u64 count = min_t(u64, q->arg[2], WORDS_MAX);
	int err, len, n;
	u64 i;

	for (n = 0; n < POINTERS; n++)
		if (!words_of(n))
			return -EINVAL;
	err = probe_is_function(c.address) ? probe_on_cpu(q->arg[0], call_pages, &c) : -EINVAL;
	if (err)
		return err;
	len = scnprintf(q->out, PROBE_ANSWER, "result=%d", c.result);
	for (n = 0; n < POINTERS; n++)
		for (i = 0; i < count; i++)
			len += scnprintf(q->out + len, PROBE_ANSWER - len, " %d.%llu=%#llx", n, i,
					 words_of(n)[i]);
	return len + scnprintf(q->out + len, PROBE_ANSWER - len, "\n");
}

void probe_call_cleanup(void)
{
	int i;

	for (i = 0; i < PAGES; i++)
		if (pages[i])
			__free_page(pages[i]);
}
