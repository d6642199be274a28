# SPDX-License-Identifier: GPL-2.0
"""project05: vtxctl ept and slots, guests in every mode, and instructions that touch a device.

No code of these is the student's, so none of it has points: it is tested with the reference. What
vtxctl says of tables is held against the emulator, and what its emulator does with an instruction
against the processor.
"""
import pytest

from harness import ept
from harness.grade import check, check_run, pick, require
from stage import mmio_forms
from stage.ept_tools import (HIGH, HOLE, LATE, MIB, PAGE, READ_ONLY, README, looked_at, store, vm,
                             wide, wide_tables)
from stage.guest_tools import only
from stage.vm_tools import vms

pytestmark = [pytest.mark.lab(vendor="vmx", cpus=2, instance="vtxctl", kernels=1),
              pytest.mark.reference]

EPT = f"{README}#vtxctl"
TYPES = {"UC": 0, "WB": 6}
DEVICE = 0xd0000100  # registers of the board that keep what they are given: guest_modes.h
TABLES = 0x700000  # where the guest has its own page tables, behind its code
CRASHED = 126


def access(text):
    """rwx as bits."""
    return sum(bit for letter, bit in zip(text, (1, 2, 4)) if letter != "-")


def test_tables_of_a_guest(vms, rng):
    """ept walk, ept map and slots of a VM of another process, against the emulator's memory."""
    places = [rng.randrange(8, 100) * MIB, HIGH + rng.randrange(MIB) * PAGE, HOLE + PAGE]
    image = wide("".join(store(at, 7) for at in places[:2]) + f"mov ${places[2]}, %edi;"
                 " mov (%rdi), %al; hlt")
    with looked_at(vms, *vm(image, "8G"), "slot", 6, READ_ONLY, f"{HOLE:#x}", 4 * PAGE, 0, "run", 0,
                   LATE, "info", read=EPT) as (lines, tables):
        number = only(lines, "info").id
        told = vms.vtxctl_json("ept", "map", number, "--json")
        _, leaves = tables.found()
        check([(int(pick(r, "gpa"), 0), pick(r, "size"), pick(r, "page_size"),
                access(pick(r, "access")), TYPES.get(pick(r, "memory_type")))
               for r in pick(told, "ranges")], ept.runs(leaves), "ranges of `vtxctl ept map`: gpa,"
              " bytes, page size, access, memory type", read=EPT)
        for at in places:
            walk = vms.vtxctl_json("ept", "walk", number, f"{at:#x}", "--json")
            steps = [(int(pick(s, "table"), 0), int(pick(s, "entry"), 0))
                     for s in pick(walk, "steps")]
            check(steps, ept.steps(tables.read, tables.pointer, at, tables.rules),
                  f"table and entry of each step of `vtxctl ept walk` {at:#x}", read=EPT)
            check(int(pick(walk, "hpa"), 0), ept.translate(tables.read, tables.pointer, at,
                                                           tables.rules),
                  f"host-physical address of {at:#x}", read=EPT)
        missing = vms.vtxctl("ept", "walk", number, "0x7000000000")
        check(missing.status, 1, "exit status of a walk that finds nothing", log=missing.out)
        slots = pick(vms.vtxctl_json("slots", number, "--json"), "slots")
        check([(pick(s, "slot"), int(pick(s, "gpa"), 0), pick(s, "read_only")) for s in slots],
              [(0, 0, False), (1, HIGH, False), (6, HOLE, True)], "slots", read=EPT)
        drawn = vms.sh(f"vtxctl ept map {number} --svg /tmp/map.svg; cat /tmp/map.svg")
        require("digraph" in drawn.out or "<svg" in drawn.out, expected="a picture, or what dot"
                " reads", seen=drawn.out[:200] + drawn.err, what="ept map --svg", read=EPT)


def test_every_form(vms, rng):
    """MOV, MOVZX, MOVSX, AND, OR, XOR, TEST, XCHG, string moves: on memory and on a device."""
    image = mmio_forms.image(rng, mmio_forms.FORMS, DEVICE, wide_tables(TABLES))
    vms.put("/tmp/forms.bin", image)
    result = check_run(vms.vtxctl("run", "/tmp/forms.bin", "--mem", "16M", timeout=60))
    done = list(mmio_forms.halves(result.stdout, mmio_forms.FORMS))
    check(len(done), len(mmio_forms.FORMS), "instructions that were carried out", log=result.err)
    wrong = [f"`{form.text}`: {text}" for form, real, emulated in done
             if (text := mmio_forms.difference(form, real, emulated, DEVICE))]
    check(wrong, [], "what the emulator does otherwise than the processor")


@pytest.mark.parametrize(("words", "status"), [
    ("real --mode real", 0), ("protected --mode protected", 0), ("paged --mode paged", 0),
    ("mmio", 0),
], ids=["real", "protected", "paged", "mmio"])
def test_guests_of_the_stage(vms, words, status):
    """The guests that the write-up runs."""
    result = vms.vtxctl("run", *words.split())
    check(result.status, status, f"exit status of vtxctl run {words}", log=result.err + result.out)


def test_large_guest(vms):
    """--mem 64G on a machine of a quarter of a gigabyte starts at once, and runs."""
    result = check_run(vms.vtxctl("run", "hello", "--mem", "64G"))
    require("Hello" in result.out, expected="Hello", seen=result.out, what="a guest of 64 GiB")
