# SPDX-License-Identifier: GPL-2.0
"""make doctor, second part: what stops vtxdrv.ko on the computer itself."""

from __future__ import annotations

import pytest
from harness import doctor_host
from harness.doctor_item import OK, WARN
from harness.host import Host
from made_up_host import expect, good_host, write


@pytest.fixture(name="host")
def nothing_wrong(tmp_path):
    """A computer on which nothing is wrong."""
    return good_host(tmp_path)


@pytest.mark.parametrize("check", doctor_host.CHECKS, ids=lambda check: check.__name__)
def test_nothing_wrong(host, check):
    """A good computer gets an ok everywhere."""
    expect(check(host), OK)


def test_processor_without_extension(host):
    """A guest and a real processor get different advice."""
    write(host, "proc/cpuinfo", "flags : lm\n")
    expect(doctor_host.processor(host), WARN, "neither", "firmware")
    write(host, "proc/cpuinfo", "flags : lm hypervisor\n")
    expect(doctor_host.processor(host), WARN, "virtual machine", "nested")


def test_headers_of_the_running_kernel(host):
    """The remedy names the package."""
    write(host, "proc/sys/kernel/osrelease", "6.12.5-amd64\n")
    expect(doctor_host.headers(host), WARN, "6.12.5-amd64", "linux-headers-6.12.5-amd64")


def efi(host: Host, variable: str, value: int) -> None:
    """Set an EFI variable: four bytes of attributes, one byte of value."""
    write(host, variable, bytes([6, 0, 0, 0, value]))


def test_secure_boot(host):
    """On, off, ignored by shim, and unreadable."""
    efi(host, doctor_host.SECURE_BOOT, 0)
    expect(doctor_host.secure_boot(host), OK)
    efi(host, doctor_host.SECURE_BOOT, 1)
    expect(doctor_host.secure_boot(host), WARN, "Secure Boot is on", "mokutil")
    efi(host, doctor_host.SHIM_IGNORES, 1)
    expect(doctor_host.secure_boot(host), OK)
    write(host, doctor_host.SECURE_BOOT, b"\6\0")
    expect(doctor_host.secure_boot(host), WARN, "cannot tell", "mokutil --sb-state")


def test_signatures_without_secure_boot(host):
    """Lockdown and sig_enforce keep the module out as well."""
    write(host, "sys/kernel/security/lockdown", "[none] integrity confidentiality\n")
    expect(doctor_host.secure_boot(host), OK)
    write(host, "sys/kernel/security/lockdown", "none [integrity] confidentiality\n")
    write(host, "sys/module/module/parameters/sig_enforce", "Y\n")
    expect(doctor_host.secure_boot(host), WARN, "lockdown is at integrity and module.sig_enforce")


@pytest.mark.parametrize("module, extension", doctor_host.KVM_MODULES.items())
def test_kvm_holds_from_612_on(host, module, extension):
    """A loaded module holds the extension; 6.12 has a parameter that says so, or not."""
    (host.path(f"/sys/module/{module}")).mkdir(parents=True)
    write(host, "proc/modules", f"{module} 1 0 - Live 0x0\nkvm 2 1 {module}, Live 0x0\n")
    expect(doctor_host.held(host), OK, "only while machines run")
    write(host, "proc/sys/kernel/osrelease", "6.12.5-amd64\n")
    expect(doctor_host.held(host), WARN, f"holds {extension}", f"modprobe -r {module}")
    write(host, "sys/module/kvm/parameters/enable_virt_at_load", "N\n")
    expect(doctor_host.held(host), OK, "only while machines run")
    write(host, "sys/module/kvm/parameters/enable_virt_at_load", "Y\n")
    write(host, "proc/modules", "")
    expect(doctor_host.held(host), WARN, f"holds {extension}", "built into this kernel")


def test_running_machine_holds(host):
    """Before 6.12 the module's users tell."""
    (host.path("/sys/module/kvm_intel")).mkdir(parents=True)
    write(host, "proc/modules", "kvm_intel 1 8 - Live 0x0\n")
    expect(doctor_host.held(host), WARN, "virtual machines are running", "stop them")


@pytest.mark.parametrize("module, product", doctor_host.OTHER_HYPERVISORS.items())
def test_other_hypervisors(host, module, product):
    """VirtualBox and VMware take VMX too."""
    write(host, "proc/modules", f"{module} 1 0 - Live 0x0\n")
    expect(doctor_host.held(host), WARN, product, f"modprobe -r {module}")
