# SPDX-License-Identifier: GPL-2.0
"""make doctor, first part: what the lab machine needs from this computer."""

from __future__ import annotations

import re
from pathlib import Path

from harness import accel, kernel, packages
from harness.doctor_item import OK, PROBLEM, WARN, Item
from harness.host import MIB, Host

TESTED = {("debian", "12"), ("debian", "13")}
INSTALL = "make install-deps"
FIND_PYTHON = packages.MK / "find-python.sh"
MACHINE_MEMORY = 384 * MIB  # one lab machine of 256 MiB with its emulator
LEAST_MEMORY = 512 * MIB
NEED = {"build": 300 * MIB, "cache": 1500 * MIB}  # a full `make check`, two kernels unpacked
# Texts that are in the Bochs program only when it was configured with the ability.
BOCHS_ABILITIES = {"SMP": b"SMP support: yes", "VMX with EPT": b"VMFUNC EPTP-SWITCHING",
                   "SVM": b"VMRUN: Starting Nested Paging"}
BOCHS_PROGRAMS = ("bochs-bin", "bochs")  # Debian's bochs is a script around bochs-bin
BOCHS_TERM = ("usr/lib*/*/bochs/plugins/libbx_term_gui.so",
              "usr/lib*/bochs/plugins/libbx_term_gui.so")


def computer(host: Host) -> Item:
    """Is it one that modules for x86-64 are built on, with a distribution that is tested?"""
    if "lm" not in host.cpu_flags():
        return Item("computer", PROBLEM, "not an x86-64 processor (no flag lm in /proc/cpuinfo)",
                    "use an x86-64 computer or virtual machine, with or without VT-x")
    name, version = host.distribution()
    if (name, version) in TESTED:
        return Item("computer", OK, f"x86-64, Debian {version}, {host.processors()} CPUs")
    return Item("computer", WARN, f"x86-64, {name or 'unknown distribution'} {version}: "
                "only Debian 12 and 13 are tested", "if something fails, use a Debian container "
                "or virtual machine: no privileges are needed in it")


def clone(host: Host) -> Item:
    """Can kbuild work below the clone?"""
    for folder in (host.clone, host.build.absolute()):
        if re.search(r"[\s:]", str(folder)):
            return Item("folders", PROBLEM, f'"{folder}" has a space or a colon in its name: the '
                        "kernel's build system cannot work there",
                        "move the clone, for example to ~/vtxdrv")
    return Item("folders", OK, str(host.clone))


def missing_packages(host: Host) -> Item:
    """Is everything there that the distribution has?"""
    names = packages.missing(host.root)
    if names:
        return Item("packages", PROBLEM, "missing: " + ", ".join(names), INSTALL)
    return Item("packages", OK, "all there")


def python(host: Host) -> Item:
    """Is there a Python that the tests run with?"""
    chosen = host.output("sh", FIND_PYTHON).strip()
    first = host.which("python3")
    if not chosen:
        return Item("python", PROBLEM, f"{first or 'no python3'}: older than 3.11, or without "
                    "pytest, xdist or pexpect",
                    f"{INSTALL}, or PYTHON=/path/to/one that has them")
    version = host.output(chosen, "--version").strip()
    if first and str(first) != str(host.path(chosen)):
        return Item("python", OK, f"{chosen} ({version}); the python3 first on your PATH, {first}, "
                    "is not used")
    return Item("python", OK, f"{chosen} ({version}) with pytest")


def default_release(host: Host) -> str | None:
    """Return the release that the installed headers metapackage stands for."""
    for stanza in (host.read("/var/lib/dpkg/status") or "").split("\n\n"):
        name, state = f"Package: {kernel.HEADERS_META}\n", "Status: install ok installed\n"
        if name in stanza and state in stanza:
            found = kernel.RELEASE.search(stanza.partition("\nDepends:")[2])
            return found[1] if found else None
    return None


def has_headers(host: Host, release: str) -> bool:
    """Tell whether the headers of a release are installed or in the cache."""
    return host.path(f"/lib/modules/{release}/build/Makefile").exists() \
        or (host.cache / "kernels" / release / "headers").is_dir()


def has_image(host: Host, release: str) -> bool:
    """Tell whether the image and the modules of a release are installed or in the cache."""
    return (host.path(f"/boot/vmlinuz-{release}").exists()
            and host.path(f"/lib/modules/{release}/kernel").is_dir()) \
        or (host.cache / "kernels" / release / "image").is_dir()


def chosen_release(host: Host) -> str | None:
    """Return the release that KVER= or the metapackage names, None if it is not here."""
    if not host.kver:
        return default_release(host)
    found = [*host.path("/lib/modules").glob("*/build"), *host.cache.glob("kernels/*/image"),
             *host.cache.glob("kernels/*/headers")]
    names = {path.parent.name for path in found if path.parent.name == host.kver
             or re.match(re.escape(host.kver) + r"\.\d", path.parent.name)}
    return max(names, key=kernel.age, default=None)


def chosen_kernel(host: Host) -> Item:
    """Are image and headers of the lab machine's kernel there?"""
    if host.kver and not re.match(r"\d+\.\d+", host.kver):
        return Item("kernel", PROBLEM, f"KVER={host.kver} is no kernel",
                    "KVER=6.12, or a release as uname -r prints it")
    release = chosen_release(host)
    if release is None and not host.kver:
        return Item("kernel", PROBLEM, "the headers' metapackage is not installed", INSTALL)
    lacking = [name for name, has in (("headers", has_headers), ("image", has_image))
               if release is None or not has(host, release)]
    name = release or host.kver
    if not lacking:
        return Item("kernel", OK, f"{name}: headers and image are here")
    if not host.which("apt-get"):
        return Item("kernel", PROBLEM, f"{name}: no {' and no '.join(lacking)} here, and no "
                    "apt-get to fetch them",
                    "KVER= an installed kernel with headers and readable image")
    return Item("kernel", WARN if release is None else OK, f"{name}: {' and '.join(lacking)} "
                "will be downloaded at the first use (about 100 MB, once)",
                "be online at the first use" if release is None else "")


def qemu(host: Host) -> Item:
    """Is there a QEMU, for SVM and for KVM?"""
    program = host.which("qemu-system-x86_64")
    if not program:
        return Item("QEMU", PROBLEM, "no qemu-system-x86_64: no machine with SVM", INSTALL)
    found = re.search(r"version (\S+)", host.output(program, "--version"))
    if not found:
        return Item("QEMU", PROBLEM, f"{program} does not start", f"run it: {program} --version")
    return Item("QEMU", OK, f"{found[1]}: SVM by emulation")


def bochs(host: Host) -> Item:
    """Is there a Bochs that can do what the lab machine needs?"""
    program = next(filter(None, map(host.which, BOCHS_PROGRAMS)), None)
    if not program:
        return Item("Bochs", PROBLEM, "no bochs: no machine with VMX", INSTALL)
    code = program.read_bytes()
    lacking = [name for name, text in BOCHS_ABILITIES.items() if text not in code]
    if lacking:
        return Item("Bochs", PROBLEM, f"{program} was built without {', '.join(lacking)}",
                    f"use the distribution's: remove {program}, then {INSTALL}")
    if not any(any(host.root.glob(pattern)) for pattern in BOCHS_TERM):
        return Item("Bochs", PROBLEM, "has no display that works on a terminal (bochs-term)",
                    INSTALL)
    found = re.search(r"Bochs x86 Emulator (\S+)", host.output(program, "--help"))
    version = found[1] if found else "unknown version"
    return Item("Bochs", OK, f"{version}: VMX by emulation, several CPUs")


def accelerator(host: Host) -> Item:
    """Can KVM serve the lab machine? Only a trial shows it; the harness makes one."""
    forced = host.environ.get("VTX_ACCEL", "")
    item = kvm(host)
    if forced not in ("", "kvm", "tcg", "bochs"):
        return Item("KVM", PROBLEM, f"VTX_ACCEL={forced}: expected kvm, tcg or bochs",
                    "unset VTX_ACCEL")
    if forced == "kvm" and (item.fix or not host.path("/dev/kvm").exists()):
        return Item("KVM", PROBLEM, f"VTX_ACCEL=kvm, but: {item.detail}",
                    " or ".join(filter(None, ["unset VTX_ACCEL", item.fix])))
    return item


def kvm(host: Host) -> Item:
    """Look at /dev/kvm, who may use it, and nesting."""
    emulated = "the lab machine is emulated, which is slower"
    if not host.path("/dev/kvm").exists():
        return Item("KVM", OK, f"no /dev/kvm: {emulated}")
    if not host.may_use("/dev/kvm"):
        return Item("KVM", WARN, f"you may not use /dev/kvm: {emulated}",
                    "sudo adduser $USER kvm, then log in again")
    own = [vendor for vendor in accel.EXTENSIONS if vendor in host.cpu_flags()]
    if not own:
        return Item("KVM", WARN, f"/dev/kvm is there, but the processor shows no VMX and no SVM: "
                    f"{emulated}", "turn on nesting in the hypervisor below this virtual machine")
    facts = accel.Host(cpuinfo=host.path("/proc/cpuinfo"), modules=host.path("/sys/module"))
    nests = accel.check_nesting(facts, own[0])
    if nests.ok:
        return Item("KVM", OK, f"{nests.reason}: tried first, by a test boot")
    return Item("KVM", WARN, f"{nests.reason}: {emulated}", nests.fix.removeprefix("Fix: "))


def memory(host: Host) -> Item:
    """Is there memory for the machines that run side by side?"""
    free = host.available_memory()
    if free is None:
        return Item("memory", WARN, "cannot tell how much is free", "have 2 GB free")
    if free < LEAST_MEMORY:
        return Item("memory", PROBLEM, f"{free // MIB} MiB free; one lab machine and the "
                    f"build take {LEAST_MEMORY // MIB}",
                    "close programs, or give this (virtual) machine more")
    machines = min(host.processors(), free // MACHINE_MEMORY)
    if machines < host.processors():
        return Item("memory", WARN, f"{free // MIB} MiB free, enough for {machines} lab machine"
                    f"{'s' * (machines != 1)} at a time", f"make check JOBS={max(1, machines)}")
    return Item("memory", OK, f"{free // MIB} MiB free")


def disk(host: Host) -> Item:
    """Is there room for what is built and downloaded?"""
    seen = []
    for name, folder in (("build", host.build), ("cache", host.cache)):
        where, free = host.free_bytes(folder)
        if free < NEED[name]:
            variable = {"build": "O", "cache": "VTX_CACHE"}[name]
            return Item("disk", PROBLEM, f"{free // MIB} MiB free in {where}; the {name} folder "
                        f"may take {NEED[name] // MIB}",
                        f"make room, or {variable}= a folder on a larger disk")
        seen.append(f"{free // MIB} MiB free for the {name} folder")
    return Item("disk", OK, ", ".join(seen))


def terminal(host: Host) -> Item:
    """Is there a terminal, for a person, and pseudo-terminals, for the machines' serial lines?"""
    if not host.path("/dev/ptmx").exists() or not host.path("/dev/pts").is_dir():
        return Item("terminal", PROBLEM, "no pseudo-terminals (/dev/ptmx, /dev/pts)",
                    "mount -t devpts devpts /dev/pts (a chroot: bind-mount /dev and /dev/pts)")
    if not host.is_terminal():
        return Item("terminal", OK, "none here; only make lab and make debug want one")
    kind = host.environ.get("TERM", "")
    return Item("terminal", OK, f"TERM={kind}" if kind else "TERM is not set; make lab takes vt100")


CHECKS = (computer, clone, missing_packages, python, chosen_kernel, qemu, bochs, accelerator,
          memory, disk, terminal)
