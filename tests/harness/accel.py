# SPDX-License-Identifier: GPL-2.0
"""Which emulator serves a lab machine on this host: proved to work, never assumed."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

from harness import cache
from harness.errors import AccelUnusable, LabError
from harness.spec import ACCELS, MachineSpec

KVM_GET_API_VERSION = 0xAE00  # _IO(KVMIO, 0x00)
KVM_API_VERSION = 12  # the only one since Linux 2.6.22
EXTENSIONS = {"vmx": "kvm_intel", "svm": "kvm_amd"}  # /proc/cpuinfo's flag, and who offers it
FORCE = "Fix: unset VTX_ACCEL to let the harness choose"

# What serves a vendor without KVM, first choice first.
EMULATED = {"vmx": ("bochs",), "svm": ("tcg", "bochs"), "none": ("tcg", "bochs")}
WHY_NOT = {("vmx", "tcg"): "QEMU's own emulation (tcg) has no VMX"}


@dataclass
class Usable:
    """The answer to "can it": `reason` says why not, or how it was proved; `fix` what to do."""

    ok: bool
    reason: str
    fix: str = ""


@dataclass
class Host:
    """Where the facts come from; tests give other places."""

    kvm: Path = Path("/dev/kvm")
    cpuinfo: Path = Path("/proc/cpuinfo")
    modules: Path = Path("/sys/module")
    boot_id: Path = Path("/proc/sys/kernel/random/boot_id")
    results: dict[str, Usable] = field(default_factory=dict)

    def flags(self) -> set[str]:
        for line in self.cpuinfo.read_text().splitlines():
            if line.startswith("flags"):
                return set(line.partition(":")[2].split())
        return set()


HOST = Host()


def check_device(host: Host) -> Usable:
    """Can /dev/kvm be opened, and is it KVM?"""
    try:
        fd = os.open(host.kvm, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        fix = "Fix: load kvm_intel or kvm_amd, or enable virtualization in the firmware"
        return Usable(False, f"{host.kvm} does not exist", fix)
    except PermissionError:
        return Usable(False, f"no permission to open {host.kvm}", "Fix: sudo adduser $USER kvm")
    except OSError as error:
        return Usable(False, f"{host.kvm}: {error.strerror}", "Fix: load kvm_intel or kvm_amd")
    try:
        version = fcntl.ioctl(fd, KVM_GET_API_VERSION)
    except OSError as error:
        return Usable(False, f"{host.kvm} is not KVM: {error.strerror}")
    finally:
        os.close(fd)
    if version != KVM_API_VERSION:
        return Usable(False, f"KVM API version {version}, expected {KVM_API_VERSION}")
    return Usable(True, f"{host.kvm} answers")


def check_nesting(host: Host, vendor: str) -> Usable:
    """Does the processor have the extension, and does the host's KVM pass it on to guests?"""
    if vendor == "none":
        return Usable(True, "no extension is wanted in the guest")
    if vendor not in host.flags():
        other = [v.upper() for v in EXTENSIONS if v in host.flags()]
        has = f"it has {other[0]}" if other else "it shows neither VMX nor SVM"
        return Usable(False, f"this host's processor does not show {vendor.upper()} ({has})")
    module = EXTENSIONS[vendor]
    parameter = host.modules / module / "parameters/nested"
    try:
        value = parameter.read_text().strip()
    except OSError:
        return Usable(False, f"{module} is not loaded", f"Fix: sudo modprobe {module} nested=1")
    if value not in ("Y", "1"):
        fix = f"Fix: sudo modprobe -r {module}; sudo modprobe {module} nested=1"
        return Usable(False, f"{module} does not nest (nested={value})", fix)
    return Usable(True, f"{module} nests")


def check_qemu() -> Usable:
    if shutil.which("qemu-system-x86_64"):
        return Usable(True, "QEMU is installed")
    return Usable(False, "qemu-system-x86_64 is not installed", "Fix: apt install qemu-system-x86")


def check_bochs() -> Usable:
    if shutil.which("bochs"):
        return Usable(True, "Bochs is installed")
    return Usable(False, "bochs is not installed", "Fix: apt install bochs bochsbios vgabios")


def boot_command(vendor: str) -> list[str]:
    """A machine of its own process, so that a KVM that hangs costs a timeout and no more."""
    return [sys.executable, "-m", "harness.accel", "--boot-probe", vendor]


def check_boot(host: Host, vendor: str) -> Usable:
    """Boot a real machine under KVM and look at its processor from inside; kept per host boot."""
    record = cache.root() / "accel" / f"kvm-{vendor}-{host.boot_id.read_text().strip()}.json"
    if record.exists():
        return Usable(**json.loads(record.read_text()))
    try:
        done = subprocess.run(
            boot_command(vendor),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)},
        )
        said = (done.stdout + done.stderr).strip().splitlines()
        detail = said[-1] if said else f"exit status {done.returncode}"
        found = Usable(done.returncode == 0, f"boot under KVM: {detail}")
    except subprocess.TimeoutExpired:
        found = Usable(False, "boot under KVM: no answer within 120 s")
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps(asdict(found)))
    return found


def kvm(vendor: str, host: Host = HOST) -> Usable:
    """Can KVM on this host serve a machine with this extension? The cheap proofs come first."""
    if vendor not in host.results:
        host.results[vendor] = _kvm(vendor, host)
    return host.results[vendor]


def _kvm(vendor: str, host: Host) -> Usable:
    steps = (check_qemu, lambda: check_device(host), lambda: check_nesting(host, vendor))
    for step in (*steps, lambda: check_boot(host, vendor)):
        answer = step()
        if not answer.ok:
            return answer
    return answer


def usable(accel: str, vendor: str, host: Host = HOST) -> Usable:
    """Can this accelerator serve this vendor here?"""
    if accel == "kvm":
        return kvm(vendor, host)
    if accel not in EMULATED[vendor]:
        why = WHY_NOT.get((vendor, accel), f"{accel} cannot do {vendor}")
        return Usable(False, why, f"Fix: VTX_ACCEL={EMULATED[vendor][0]}")
    return check_bochs() if accel == "bochs" else check_qemu()


def choose(vendor: str, forced: str | None = None, host: Host = HOST) -> str:
    """Return "kvm", "tcg" or "bochs"; VTX_ACCEL in the environment forces, as `forced` does."""
    forced = forced or os.environ.get("VTX_ACCEL") or None
    if forced:
        return _forced(vendor, forced, host)
    reasons = []
    for accel in ("kvm", *EMULATED[vendor]):
        answer = usable(accel, vendor, host)
        if answer.ok:
            return accel
        reasons.append(f"{accel}: {answer.reason}. {answer.fix}".rstrip(" ."))
    raise AccelUnusable(f"nothing here can emulate {vendor.upper()}", "\n".join(reasons))


def _forced(vendor: str, forced: str, host: Host) -> str:
    if forced not in ACCELS:
        raise AccelUnusable(f"VTX_ACCEL={forced}: expected one of {', '.join(ACCELS)}", FORCE)
    answer = usable(forced, vendor, host)
    if answer.ok:
        return forced
    reason = f"VTX_ACCEL={forced} cannot serve a machine with {vendor}: {answer.reason}"
    raise AccelUnusable(reason, "; or ".join(f for f in (answer.fix, FORCE) if f))


def emulator_class(accel: str):
    """Return the driver's class; imported late, because each machine needs only one."""
    if accel == "bochs":
        from harness.bochs import BochsEmulator

        return BochsEmulator
    from harness.qemu import QemuEmulator

    return QemuEmulator


def boot_probe(vendor: str) -> int:
    """What check_boot() runs: a KVM machine, and what its processor shows to its kernel."""
    import tempfile

    from harness import kernel, lab, machine, qemu

    release = kernel.resolve()
    with tempfile.TemporaryDirectory(prefix="vtx-kvm-") as place:
        initrd = lab.prepare_initrd(release)
        spec = MachineSpec(vendor=vendor, accel="kvm", kernel=release, initrd=initrd)
        emulator = qemu.QemuEmulator(spec, Path(place))
        with machine.Machine.start(spec, emulator, Path(place)) as booted:
            flags = booted.get("/proc/cpuinfo").decode().split()
    if vendor != "none" and vendor not in flags:
        print(f"the guest's processor does not show {vendor.upper()}")
        return 1
    print(f"proved by a boot, agent ready after {booted.ready_seconds:.1f} s")
    return 0


def main(arguments: list[str]) -> int:
    """Print what this host can do; --boot-probe VENDOR is for check_boot()."""
    try:
        if arguments[:1] == ["--boot-probe"]:
            return boot_probe(arguments[1])
    except LabError as error:
        print(str(error).splitlines()[0])
        return 1
    for vendor in EMULATED:
        for accel in ACCELS:
            answer = usable(accel, vendor)
            mark = "yes" if answer.ok else "no "
            print(f"{vendor:5} {accel:6} {mark} {answer.reason} {answer.fix}".rstrip())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
