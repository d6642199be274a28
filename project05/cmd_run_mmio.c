// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl run: exits about memory. What touches a device is emulated; what cannot go on ends the
 * guest, with a report that names the instruction.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cmd_bus.h"
#include "cmd_exit_text.h"
#include "cmd_regs.h"
#include "cmd_run_emul.h"
#include "cmd_run_parts.h"
#include "ctl.h"
#include "ctl_json.h"
#include "ctl_vendor.h"
#include "x86_bits.h"
#include "x86_exceptions.h"

#define KEY_OPEN_BUS 1200
#define LINE 160

static const struct argp_option option_list[] = {
	{ "open-bus", KEY_OPEN_BUS, NULL, 0,
	  "Where neither memory nor a device is, reads give all ones and writes go nowhere; "
	  "without it, such an access ends the guest",
	  0 },
	{ 0 },
};

static bool open_bus;
/* Why the guest cannot go on: written by the thread that ends it, read when all have ended. */
static char why[LINE];
static char instruction[LINE];

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	if (key != KEY_OPEN_BUS)
		return ARGP_ERR_UNKNOWN;
	open_bus = true;
	return 0;
}

/* ---- the end --------------------------------------------------------------------------------- */

/* Of several vCPUs the first one tells. */
static enum run_served end(struct run_vcpu *vcpu, const struct vtx_exit *exit, const char *text)
{
	bus_lock();
	if (!*why)
		snprintf(why, sizeof(why), "%s", text);
	bus_unlock();
	run_finish(vcpu, RUN_CRASHED, 0, exit);
	return RUN_ENDED;
}

static enum run_served end_stray(struct run_vcpu *vcpu, const struct vtx_exit *exit,
				 const struct run_stray *stray)
{
	char text[LINE];

	if (stray->write)
		snprintf(text, sizeof(text),
			 "it wrote 0x%" PRIx64 ", %u bytes, to 0x%" PRIx64 ", where %s.",
			 stray->value, stray->size, stray->address,
			 exit->kind == VTX_EXIT_PROTECTION ? "it may not write" :
							     "neither memory nor a device is");
	else
		snprintf(text, sizeof(text),
			 "it read %u bytes from 0x%" PRIx64
			 ", where neither memory nor a device is.",
			 stray->size, stray->address);
	return end(vcpu, exit, text);
}

static enum run_served end_misconfigured(struct run_vcpu *vcpu, const struct vtx_exit *exit)
{
	char text[LINE];

	snprintf(text, sizeof(text),
		 "an entry of the tables is one that no processor takes; dmesg has the walk, and "
		 "so has vtxctl %s walk.",
		 ctl_vendor->tables);
	return end(vcpu, exit, text);
}

static enum run_served end_failed(struct run_vcpu *vcpu, const struct vtx_exit *exit,
				  const char *reason)
{
	char text[LINE];

	snprintf(text, sizeof(text), "it touched 0x%" PRIx64 ", where %s, and %s.", (u64)exit->gpa,
		 exit->kind == VTX_EXIT_PROTECTION ? "it may not do this" : "no memory is", reason);
	return end(vcpu, exit, text);
}

/* Project 6 can bring an exception to the guest; a driver before it does not know the ioctl. */
static enum run_served raise(struct run_vcpu *vcpu, const struct vtx_exit *exit,
			     const struct emul_fault *fault)
{
	struct vtx_event event = {
		.vcpu = vcpu->id,
		.kind = VTX_EVENT_EXCEPTION,
		.vector = fault->vector,
		.value = fault->has_code,
		.error_code = fault->error_code,
		.address = fault->address,
	};
	char text[LINE];

	if (!ioctl(vcpu->run->fd, VTXDRV_EVENT, &event))
		return RUN_SERVED;
	snprintf(text, sizeof(text),
		 "its instruction causes %s (error code 0x%x, address 0x%" PRIx64
		 "), and exceptions come with project 6.",
		 exception_mnemonic(fault->vector), fault->error_code, fault->address);
	return end(vcpu, exit, text);
}

/* A processor that steps stops behind this instruction as well: #DB, and DR6 says why. */
static enum run_served trap(struct run_vcpu *vcpu, const struct vtx_exit *exit)
{
	struct vtx_vcpu_sregs request = { .vcpu = vcpu->id, .sregs = vcpu->page->sregs };
	struct emul_fault fault = { .vector = X86_EXCEPTION_DB };

	request.sregs.dr[6] |= DR6_BS;
	if (ioctl(vcpu->run->fd, VTXDRV_SET_SREGS, &request))
		ctl_error("run: vCPU %u: DR6 cannot be set: %m", vcpu->id);
	return raise(vcpu, exit, &fault);
}

/* ---- emulation ------------------------------------------------------------------------------- */

static enum run_served step(struct run_vcpu *vcpu, const struct vtx_exit *exit,
			    struct run_emul *emul)
{
	bool stepping = vcpu->page->regs.rflags & RFLAGS_TF;
	enum emul_result result = emul_step(&emul->emul);

	if (emul->is_stray && !open_bus)
		return end_stray(vcpu, exit, &emul->stray);
	if (result == EMUL_FAILED)
		return end_failed(vcpu, exit, emul->emul.why);
	/* Also with a fault: a REP may have done some of its elements. */
	vcpu->page->flags |= VTX_RUN_SET_REGS;
	if (result == EMUL_FAULT)
		return raise(vcpu, exit, &emul->emul.fault);
	if (stepping)
		return trap(vcpu, exit);
	return RUN_SERVED;
}

static const char *not_by_instruction(u32 access)
{
	if (access & VTX_ACCESS_EVENT)
		return "this was an event on its way through the IDT";
	if (access & VTX_ACCESS_WALK)
		return "this was the processor's walk of the guest's page tables";
	if (access & VTX_ACCESS_EXECUTE)
		return "this was to be executed";
	return NULL;
}

static enum run_served serve_memory(struct run_vcpu *vcpu, const struct vtx_exit *exit)
{
	struct vtx_run *page = vcpu->page;
	const char *reason = not_by_instruction(exit->memory_access);
	struct run_emul *emul;

	if (reason)
		return end_failed(vcpu, exit, reason);
	emul = run_emul_of(vcpu->run, vcpu->id, &page->regs, &page->sregs);
	if (!emul)
		return end(vcpu, exit, "vtxctl has no memory for its emulator.");
	if (exit->memory_access & VTX_ACCESS_LINEAR) {
		emul->linear = exit->linear;
		emul->gpa = exit->gpa;
		emul->proven = exit->memory_access & (VTX_ACCESS_READ | VTX_ACCESS_WRITE);
	}
	return step(vcpu, exit, emul);
}

/* Where no device is, the bus floats: all ones, and what is written goes nowhere. */
static void serve_port(struct run_vcpu *vcpu, const struct vtx_exit *exit)
{
	u64 value = 0;
	bool found;

	if (exit->io_flags & VTX_IO_IN)
		found = bus_port_read(exit->port, exit->io_size, &value);
	else
		found = bus_port_write(exit->port, exit->io_size, exit->data);
	vcpu->page->data = value;
	if (!found && vcpu->run->options->trace)
		fprintf(stderr, "vCPU %u  no device is at port 0x%x\n", vcpu->id, exit->port);
}

static enum run_served serve_io(struct run_vcpu *vcpu, const struct vtx_exit *exit)
{
	struct vtx_run *page = vcpu->page;
	struct run_emul *emul;

	if (!(exit->io_flags & VTX_IO_STRING)) {
		serve_port(vcpu, exit);
		return RUN_SERVED;
	}
	emul = run_emul_of(vcpu->run, vcpu->id, &page->regs, &page->sregs);
	return emul ? step(vcpu, exit, emul) :
		      end(vcpu, exit, "vtxctl has no memory for its emulator.");
}

static enum run_served serve(struct run_vcpu *vcpu, const struct vtx_exit *exit)
{
	switch (exit->kind) {
	case VTX_EXIT_MMIO:
	case VTX_EXIT_PROTECTION:
		return serve_memory(vcpu, exit);
	case VTX_EXIT_IO:
		return serve_io(vcpu, exit);
	case VTX_EXIT_NO_MEMORY:
		return end(vcpu, exit,
			   "the host has no memory left for it: a smaller guest, or one that "
			   "touches less, would run on. It is intact.");
	case VTX_EXIT_MISCONFIGURED:
		return end_misconfigured(vcpu, exit);
	default:
		return RUN_NOT_MINE;
	}
}

/* ---- afterwards ------------------------------------------------------------------------------ */

static void disassemble(struct run *run)
{
	struct vtx_regs regs;
	struct vtx_sregs sregs;
	struct run_emul *emul;

	if (run->end != RUN_CRASHED || run->exit.kind == VTX_EXIT_ENTRY_FAILED ||
	    regs_read(run->fd, run->info.id, run->end_vcpu, &regs, &sregs) != CTL_DONE)
		return;
	emul = run_emul_of(run, run->end_vcpu, &regs, &sregs);
	if (emul)
		emul_disassemble(&emul->emul, instruction, sizeof(instruction));
}

static void finish(struct run *run)
{
	disassemble(run);
	run_emul_release();
}

static void hint(const struct run *run, char *text)
{
	if (*why)
		snprintf(text, RUN_TEXT_SIZE, "The guest cannot go on: %s", why);
}

static void report(const struct run *run)
{
	if (*instruction)
		fprintf(stderr, "  instruction: %s\n", instruction);
}

static void json(const struct run *run, struct json_object *object)
{
	if (*instruction)
		ctl_json_put_text(object, "instruction", instruction);
}

RUN_PART(mmio, { .options = option_list,
		 .parse = parse_option,
		 .serve = serve,
		 .finish = finish,
		 .hint = hint,
		 .report = report,
		 .json = json });
