// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl detect for people: the CPUs, the answer, what to do.
 */
#include <stdio.h>
#include <string.h>

#include "cmd_detect.h"
#include "ctl_table.h"
#include "detect_text_logic.h"
#include "x86_bits.h"

static enum ctl_mood mood(enum vtx_verdict verdict)
{
	return verdict == VTX_VERDICT_USABLE ? CTL_GOOD : CTL_BAD;
}

/* What firmware says, in the words of the extension that the processor has. */
static const char *firmware(const struct vtx_cpu_facts *f)
{
	if (f->valid & VTX_FACT_VM_CR && f->vm_cr & VM_CR_SVMDIS)
		return f->vm_cr & VM_CR_LOCK ? "SVM off, locked" : "SVM off";
	if (f->valid & VTX_FACT_VM_CR)
		return "SVM allowed";
	if (!(f->valid & VTX_FACT_FEATURE_CONTROL))
		return "-";
	if (!(f->feature_control & FEATURE_CONTROL_LOCK))
		return "not locked";
	if (f->feature_control & FEATURE_CONTROL_VMX_OUTSIDE_SMX)
		return "VMX allowed";
	return f->feature_control & FEATURE_CONTROL_VMX_IN_SMX ? "VMX only in SMX" : "VMX off";
}

static const char *user(const struct vtx_cpu_facts *f)
{
	if (f->valid & VTX_FACT_OURS)
		return "vtxdrv";
	return (f->cr4 & CR4_VMXE) || (f->efer & IA32_EFER_SVME) ? "another" : "nobody";
}

static void print_cpu(const struct vtx_cpu_query *cpu)
{
	struct detect_cpuid_info info;
	char vendor[13];

	/* All zeros while exercise 1.1 is not done: the table shows just that. */
	detect_cpuid(&cpu->facts, &info);
	ctl_printable(vendor, info.vendor, 12);
	printf("%-5u%-14s%-5s%-5s%-17s%-10s", cpu->cpu, vendor, ctl_yes_no(info.vmx),
	       ctl_yes_no(info.svm), firmware(&cpu->facts), user(&cpu->facts));
	ctl_word(mood(cpu->verdict), 0, detect_verdict_name(cpu->verdict));
	putchar('\n');
}

static void print_difference(const struct vtx_cpu_query *cpu)
{
	unsigned int bit;

	printf("CPU %u differs from the first one in:", cpu->cpu);
	for (bit = 0; detect_difference_name(bit); bit++) {
		if (cpu->differs & (1U << bit))
			printf(" %s", detect_difference_name(bit));
	}
	putchar('\n');
}

static void print_cpus(const struct detect_machine *machine)
{
	unsigned int different = 0;
	unsigned int i;

	ctl_word(CTL_STRONG, 0, "CPU  vendor        VMX  SVM  firmware         used by   answer");
	putchar('\n');
	for (i = 0; i < machine->count; i++)
		print_cpu(&machine->cpus[i]);
	putchar('\n');
	for (i = 0; i < machine->count; i++) {
		if (!machine->cpus[i].differs)
			continue;
		print_difference(&machine->cpus[i]);
		different++;
	}
	if (!different && machine->count > 1)
		printf("All %u CPUs are alike.\n", machine->count);
}

static void print_hypervisor(const struct vtx_cpu_facts *facts)
{
	struct detect_cpuid_info info;
	char signature[13];

	if (detect_cpuid(facts, &info) || !info.hypervisor)
		return;
	ctl_printable(signature, info.signature, 12);
	printf("This machine runs on a hypervisor that calls itself \"%s\".\n", signature);
}

static void print_answer(const struct vtx_cpu_query *cpu)
{
	const char *remedy = detect_remedy(&cpu->facts, cpu->verdict);

	printf("Answer: ");
	ctl_word(mood(cpu->verdict), 0, detect_verdict_name(cpu->verdict));
	putchar('\n');
	ctl_paragraph(2, detect_explain(&cpu->facts, cpu->verdict));
	if (!remedy[0])
		return;
	puts("What to do:");
	ctl_paragraph(2, remedy);
}

static void print_modes(enum vtx_verdict verdict)
{
	unsigned int i;

	ctl_heading("Modes of this build");
	for (i = 0; i < DETECT_MODES; i++) {
		const char *why = detect_mode_why(i, verdict);

		printf("  %-8s%-5s%s%s\n", detect_mode_get(i)->name, ctl_yes_no(!why[0]),
		       why[0] ? why : "runs ", why[0] ? "" : detect_mode_get(i)->meaning);
	}
}

void detect_print_table(const struct detect_machine *machine, bool verbose)
{
	const struct vtx_cpu_query *cpu = detect_deciding_cpu(machine);

	print_cpus(machine);
	print_hypervisor(&cpu->facts);
	print_answer(cpu);
	print_modes(cpu->verdict);
	detect_print_caps(&cpu->facts, verbose);
}
