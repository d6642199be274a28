/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file host_switch.h
 * @brief What no vendor's entry and exit switch: debug registers, PKRU, XCR0. Interrupts off.
 */
#ifndef HOST_SWITCH_H
#define HOST_SWITCH_H

#include <asm/cpufeature.h>
#include <asm/debugreg.h>
#include <asm/special_insns.h>

#if VTX_STAGE >= 6
#include "exits.h"
#endif
#include "vm.h"

/** The host's, while the guest runs. */
struct host_switched {
	unsigned long dr[4]; /**< DR0 to DR3, if the guest uses its own */
	u64 debugctl; /**< IA32_DEBUGCTL, where an exit does not restore it */
	u32 pkru; /**< PKRU */
};

static inline void host_debug_registers_in(const struct vtx_vcpu *vcpu, struct host_switched *host)
{
	get_debugreg(host->dr[0], 0);
	get_debugreg(host->dr[1], 1);
	get_debugreg(host->dr[2], 2);
	get_debugreg(host->dr[3], 3);
	/* The guest's addresses are not to be the host's breakpoints, be it for an instant. */
	set_debugreg(0, 7);
	set_debugreg(vcpu->dr[0], 0);
	set_debugreg(vcpu->dr[1], 1);
	set_debugreg(vcpu->dr[2], 2);
	set_debugreg(vcpu->dr[3], 3);
	set_debugreg(vcpu->dr[6], 6);
}

static inline void host_debug_registers_out(struct vtx_vcpu *vcpu, const struct host_switched *host)
{
	unsigned long value;

	get_debugreg(value, 0);
	vcpu->dr[0] = value;
	get_debugreg(value, 1);
	vcpu->dr[1] = value;
	get_debugreg(value, 2);
	vcpu->dr[2] = value;
	get_debugreg(value, 3);
	vcpu->dr[3] = value;
	get_debugreg(value, 6);
	vcpu->dr[6] = value;
	set_debugreg(host->dr[0], 0);
	set_debugreg(host->dr[1], 1);
	set_debugreg(host->dr[2], 2);
	set_debugreg(host->dr[3], 3);
	/* The kernel's #DB handler expects to find it clear. */
	set_debugreg(DR6_RESERVED, 6);
}

/**
 * Before the entry. A guest cannot execute WRPKRU without CR4.PKE, but it can XRSTOR; and the
 * kernel's own code for FPU states leaves PKRU out.
 */
static inline void host_switch_in(const struct vtx_vcpu *vcpu, struct host_switched *host)
{
	if (cpu_feature_enabled(X86_FEATURE_OSPKE)) {
		host->pkru = rdpkru();
		if (host->pkru != vcpu->pkru)
			wrpkru(vcpu->pkru);
	}
	if (vcpu->dr_used)
		host_debug_registers_in(vcpu, host);
#if VTX_STAGE >= 6
	if (vcpu->policy.osxsave)
		vtx_xcr0_switch(vtx_host_xcr0, vcpu->policy.xcr0);
#endif
}

/** After the exit, which has switched all breakpoints off. */
static inline void host_switch_out(struct vtx_vcpu *vcpu, const struct host_switched *host)
{
#if VTX_STAGE >= 6
	if (vcpu->policy.osxsave)
		vtx_xcr0_switch(vcpu->policy.xcr0, vtx_host_xcr0);
#endif
	if (vcpu->dr_used)
		host_debug_registers_out(vcpu, host);
	if (hw_breakpoint_active())
		hw_breakpoint_restore();
	if (cpu_feature_enabled(X86_FEATURE_OSPKE)) {
		vcpu->pkru = rdpkru();
		if (host->pkru != vcpu->pkru)
			wrpkru(host->pkru);
	}
}

#endif
