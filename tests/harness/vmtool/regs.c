// SPDX-License-Identifier: GPL-2.0
/* Registers of a vCPU, by name. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vmtool.h"

/** A member of struct vtx_regs or struct vtx_sregs. */
struct member {
	const char *name;
	size_t offset, size;
};

/* clang-format off */
#define REG(field) { #field, offsetof(struct vtx_regs, field), 8 }
#define SREG(field) { #field, offsetof(struct vtx_sregs, field), \
		      sizeof(((struct vtx_sregs *)0)->field) }
#define SEGMENT(name) SREG(name.base), SREG(name.limit), SREG(name.access), SREG(name.selector)
#define DEBUG(n) { "dr" #n, offsetof(struct vtx_sregs, dr) + 8 * (n), 8 }

static const struct member regs[] = {
	REG(rax), REG(rcx), REG(rdx), REG(rbx), REG(rsp), REG(rbp), REG(rsi), REG(rdi), REG(r8),
	REG(r9), REG(r10), REG(r11), REG(r12), REG(r13), REG(r14), REG(r15), REG(rip), REG(rflags),
	{ 0 },
};

static const struct member sregs[] = {
	SEGMENT(es), SEGMENT(cs), SEGMENT(ss), SEGMENT(ds), SEGMENT(fs), SEGMENT(gs), SEGMENT(ldtr),
	SEGMENT(tr), SREG(gdtr.base), SREG(gdtr.limit), SREG(idtr.base), SREG(idtr.limit),
	SREG(cr0), SREG(cr2), SREG(cr3), SREG(cr4), SREG(efer), DEBUG(0), DEBUG(1), DEBUG(2),
	DEBUG(3), DEBUG(6), DEBUG(7), SREG(cs.pad), SREG(gdtr.pad), { 0 },
};
/* clang-format on */

static void print(const struct member *members, const void *from, const char *what, uint32_t vcpu)
{
	answer("%s vcpu=%u", what, vcpu);
	for (; members->name; members++) {
		uint64_t value = 0;

		memcpy(&value, (const char *)from + members->offset, members->size);
		answer(" %s=%#llx", members->name, (unsigned long long)value);
	}
	answer("\n");
}

static int set(const struct member *members, void *in, const char *name, uint64_t value)
{
	for (; members->name; members++) {
		if (strcmp(members->name, name))
			continue;
		memcpy((char *)in + members->offset, &value, members->size);
		return 0;
	}
	return ESRCH;
}

void print_regs(const struct vtx_regs *all, uint32_t vcpu)
{
	print(regs, all, "regs", vcpu);
}

void print_sregs(const struct vtx_sregs *all, uint32_t vcpu)
{
	print(sregs, all, "sregs", vcpu);
}

int set_reg(struct vtx_regs *all, const char *name, uint64_t value)
{
	return set(regs, all, name, value);
}

static int init(struct vtx_vcpu_init *how)
{
	if (ioctl(vm.fd, VTXDRV_INIT_VCPU, how))
		return errno;
	answer("init vcpu=%u usable=%#llx\n", how->vcpu, how->usable);
	return 0;
}

int verb_init(char **words)
{
	struct vtx_vcpu_init how = { .vcpu = (uint32_t)number(words[0]), .rip = LOAD,
				     .rsi = number(words[1]) };

	how.rdi = how.vcpu;
	how.rdx = vm.size;
	return init(&how);
}

int verb_initat(char **words)
{
	struct vtx_vcpu_init how = { .vcpu = (uint32_t)number(words[0]), .rip = number(words[1]),
				     .rsp = number(words[2]), .rsi = number(words[3]) };

	return init(&how);
}

int verb_regs(char **words)
{
	struct vtx_vcpu_regs all = { .vcpu = (uint32_t)number(words[0]) };

	if (ioctl(vm.fd, VTXDRV_GET_REGS, &all))
		return errno;
	print(regs, &all.regs, "regs", all.vcpu);
	return 0;
}

int verb_setreg(char **words)
{
	struct vtx_vcpu_regs all = { .vcpu = (uint32_t)number(words[0]) };
	int error;

	if (ioctl(vm.fd, VTXDRV_GET_REGS, &all))
		return errno;
	error = set(regs, &all.regs, words[1], number(words[2]));
	if (error)
		return error;
	return ioctl(vm.fd, VTXDRV_SET_REGS, &all) ? errno : 0;
}

int verb_sregs(char **words)
{
	struct vtx_vcpu_sregs all = { .vcpu = (uint32_t)number(words[0]) };

	if (ioctl(vm.fd, VTXDRV_GET_SREGS, &all))
		return errno;
	print(sregs, &all.sregs, "sregs", all.vcpu);
	return 0;
}

int verb_setsreg(char **words)
{
	struct vtx_vcpu_sregs all = { .vcpu = (uint32_t)number(words[0]) };
	int error;

	if (ioctl(vm.fd, VTXDRV_GET_SREGS, &all))
		return errno;
	error = set(sregs, &all.sregs, words[1], number(words[2]));
	if (error)
		return error;
	return ioctl(vm.fd, VTXDRV_SET_SREGS, &all) ? errno : 0;
}

int verb_stats(char **words)
{
	static struct vtx_vcpu_stats stats;

	stats = (struct vtx_vcpu_stats){ .vcpu = (uint32_t)number(words[0]) };
	if (ioctl(vm.fd, VTXDRV_GET_STATS, &stats))
		return errno;
	answer("stats vcpu=%u entries=%llu khz=%llu\n", stats.vcpu, stats.entries, stats.tsc_khz);
	for (int i = 0; i < VTX_EXIT_REASONS; i++)
		if (stats.exits[i].count)
			answer("exits reason=%d count=%llu cycles=%llu\n", i, stats.exits[i].count,
			       stats.exits[i].cycles);
	return 0;
}
