#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Record what the CPU models of Bochs and QEMU report: boots record.c on each of them.

usage: record.py [MODEL...]      writes ../NAME.json for all models, or for those that are named

Needs gcc, bochs with bochsbios and vgabios, qemu-system-x86_64. Each recording takes 2 to 10 s.
"""
import argparse
import datetime
import json
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
SECTORS = 32
DISK_BYTES = 1008 * 512 * 20
BOCHS_VMX = ("core_duo_t2400_yonah", "core2_penryn_t9600", "corei5_lynnfield_750",
             "corei5_arrandale_m520", "corei7_sandy_bridge_2600k", "corei7_ivy_bridge_3770k",
             "corei7_haswell_4770", "broadwell_ult", "corei7_skylake_x", "corei3_cnl",
             "corei7_icelake_u", "tigerlake")
BOCHS_OTHER = ("atom_n270", "athlon64_venice", "turion64_tyler", "phenom_8650_toliman", "zambezi",
               "trinity_apu", "ryzen")
QEMU = ("max", "EPYC", "Opteron_G3", "Haswell", "qemu64")
HOW = ("record.c booted bare, 32-bit protected mode, one CPU; every MSR tried with a #GP handler; "
       "null: RDMSR raised #GP")


def build(folder: Path) -> Path:
    """Build the bootable disk image."""
    flags = ["-m32", "-march=i686", "-ffreestanding", "-fno-pic", "-fno-stack-protector", "-Os",
             "-fcf-protection=none", "-mno-sse", "-Wall", "-Wextra", "-Werror"]
    subprocess.run(["gcc", *flags, f"-DRECORDER_SECTORS={SECTORS}", "-nostdlib", "-static",
                    "-Wl,--build-id=none", "-Wl,--no-warn-rwx-segments", "-Wl,-z,noexecstack",
                    "-T", HERE / "recorder.ld", "-o", folder / "recorder.elf",
                    HERE / "boot.S", HERE / "record.c"], check=True)
    binary = folder / "recorder.bin"
    subprocess.run(["objcopy", "-O", "binary", folder / "recorder.elf", binary], check=True)
    image = folder / "recorder.img"
    code = pack(folder / "recorder.elf")
    if len(code) > (SECTORS + 1) * 512:
        raise SystemExit(f"the recorder has {len(code)} bytes, more than {SECTORS} sectors")
    image.write_bytes(code.ljust(DISK_BYTES, b"\0"))
    return image


def pack(elf: Path) -> bytes:
    """Boot sector first, the other section behind it; objcopy would keep the gap in memory."""
    parts = []
    for section in (".boot", ".rest"):
        out = elf.with_suffix(section)
        subprocess.run(["objcopy", "-O", "binary", "-j", section,
                        "--set-section-flags", f"{section}=alloc,load,contents", elf, out],
                       check=True)
        parts.append(out.read_bytes())
    return parts[0].ljust(512, b"\0") + parts[1]


def bochs_command(model: str, image: Path, folder: Path) -> list:
    """The command line of Bochs, and its configuration."""
    (folder / "bochsrc").write_text(f"""
megs: 32
cpu: model={model}, count=1, ips=50000000, ignore_bad_msrs=0, reset_on_triple_fault=0
romimage: file=/usr/share/bochs/BIOS-bochs-latest, options=fastboot
vgaromimage: file=/usr/share/vgabios/vgabios.bin
display_library: term
ata0-master: type=disk, path="{image}", mode=flat, cylinders=20, heads=16, spt=63
boot: disk
com1: enabled=1, mode=file, dev="{folder / 'serial'}"
sound: driver=dummy
clock: sync=none, time0=1
log: {folder / 'bochs.log'}
panic: action=fatal
error: action=report
info: action=report
debug: action=ignore
""")
    (folder / "debugger").write_text("c\n")
    return ["bochs", "-q", "-f", str(folder / "bochsrc"), "-rc", str(folder / "debugger")]


def qemu_command(model: str, image: Path, folder: Path) -> list:
    """The command line of QEMU without KVM."""
    return ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-accel",
            "tcg", "-cpu", model, "-m", "32", "-no-reboot", "-serial", f"file:{folder / 'serial'}",
            "-drive", f"file={image},format=raw,if=ide"]


def run(command: list, serial: Path, seconds: float = 60) -> str:
    """Start an emulator on a pty, wait for the recorder's last line, end the emulator."""
    master, slave = pty.openpty()
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave,
                               start_new_session=True, env={**os.environ, "TERM": "vt100"})
    os.close(slave)
    os.set_blocking(master, False)
    text, deadline = "", time.monotonic() + seconds
    while time.monotonic() < deadline and not text.endswith("end\n"):
        time.sleep(0.1)
        try:
            os.read(master, 65536)
        except OSError:
            pass
        text = serial.read_text(errors="replace") if serial.exists() else ""
        if process.poll() is not None:
            break
    code = process.poll()
    process.kill()
    process.wait()
    os.close(master)
    if not text.endswith("end\n"):
        log = serial.with_name("bochs.log")
        tail = log.read_text(errors="replace")[-600:] if log.exists() else ""
        raise RuntimeError(f"exit {code}, no end in the serial output: {text[-200:]!r}\n{tail}")
    return text


def parse(text: str) -> dict:
    """The recorder's lines as the "raw" entry of vtxctl detect --json."""
    leaves, msrs, registers = {}, {}, {}
    for line in text.split("\n"):
        word, *rest = line.split() or [""]
        if word == "cpuid":
            leaves[int(rest[0], 16)] = [int(value, 16) for value in rest[1:]]
        elif word == "msr":
            msrs[int(rest[0], 16)] = None if rest[1] == "fault" else int(rest[1], 16)
        elif word in ("cr0", "cr4"):
            registers[word] = int(rest[0], 16)
    return raw_entry(leaves, msrs, registers)


def raw_entry(leaves: dict, msrs: dict, registers: dict) -> dict:
    """Apply the rules of struct vtx_cpu_facts: no leaf beyond the maximum."""
    max_leaf, max_ext = leaves[0][0], leaves[0x80000000][0]
    max_ext = max_ext if max_ext >= 0x80000000 else 0

    def leaf(number: int) -> list:
        limit = max_ext if number >= 0x80000000 else max_leaf
        return [hex(value) for value in (leaves[number] if number <= limit else [0] * 4)]

    def name(number: int, order: tuple) -> str:
        data = struct.pack("<3I", *(leaves[number][i] for i in order))
        return data.rstrip(b"\0").decode("latin-1")

    def optional(index: int):
        return None if msrs[index] is None else hex(msrs[index])

    hypervisor = leaves[1][2] >> 31
    vmx = leaves[1][2] >> 5 & 1
    svm = max_ext >= 0x80000001 and leaves[0x80000001][2] >> 2 & 1
    return {
        "cpu": 0, "ours": False, "vendor": name(0, (1, 3, 2)),
        "hv_signature": name(0x40000000, (1, 2, 3)) if hypervisor else None,
        "max_leaf": hex(max_leaf), "max_ext_leaf": hex(max_ext),
        "leaf1": leaf(1), "ext1": leaf(0x80000001), "ext_svm": leaf(0x8000000a),
        "ext_addr": leaf(0x80000008),
        "cr0": hex(registers["cr0"]), "cr4": hex(registers["cr4"]),
        "efer": hex(msrs[0xc0000080] or 0),
        "feature_control": optional(0x3a) if vmx else None,
        "vm_cr": optional(0xc0010114) if svm else None,
        # TCG answers 0 for any MSR that it does not know: without VMX that says nothing.
        "vmx_msr": [optional(index) if vmx else None for index in range(0x480, 0x494)],
    }


def version(program: str) -> str:
    """What the emulator calls its version."""
    done = subprocess.run([program, "--help" if program == "bochs" else "--version"],
                          capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    found = re.search(r"(?:Emulator|version) (\d[\w.]*)", done.stdout + done.stderr)
    return found.group(1) if found else "unknown"


def record(emulator: str, model: str, image: Path, folder: Path) -> None:
    """One recording."""
    work = folder / f"{emulator}-{model}"
    work.mkdir()
    # Bochs, killed, leaves a lock beside its disk: each run has a disk of its own.
    image = Path(shutil.copy(image, work))
    command = (bochs_command if emulator == "bochs" else qemu_command)(model, image, work)
    entry = parse(run(command, work / "serial"))
    program = command[0]
    recording = {
        "recorded": {"emulator": "Bochs" if emulator == "bochs" else "QEMU TCG",
                     "version": version(program), "model": model,
                     "date": datetime.date.today().isoformat(), "how": HOW},
        "raw": {"cpus": [entry]},
    }
    path = HERE.parent / f"{emulator}-{model}.json"
    path.write_text(json.dumps(recording, indent=1) + "\n")
    print(f"{path.name}: {sum(v is not None for v in entry['vmx_msr'])} capability MSRs")


def main() -> int:
    """Record all models or the named ones."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("models", nargs="*")
    wanted = parser.parse_args().models
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        image = build(folder)
        jobs = [("bochs", m) for m in BOCHS_VMX + BOCHS_OTHER] + [("qemu", m) for m in QEMU]
        for emulator, model in jobs:
            if wanted and model not in wanted:
                continue
            try:
                record(emulator, model, image, folder)
            except RuntimeError as error:
                failed += 1
                print(f"{emulator} {model}: {error}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
