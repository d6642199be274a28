# SPDX-License-Identifier: GPL-2.0
"""Where the next instruction begins (svm_insn_logic.c, exercise 7.5): against instructions that
were put together here, and against Capstone."""
import itertools
import random
import re
import subprocess
from pathlib import Path

import pytest

from unit import host_build, svm_build
from unit import svm_insn_model as model

SEED = 20261123
NOT_IT = -2  # ENOENT
NAMES = ("err", "kind", "length", "reg", "rm", "mod", "rex")
REGISTERS = {
    32: "eax ecx edx ebx esp ebp esi edi".split(),
    64: "rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15".split(),
}


class Reader:
    """svm_insn_read() and Capstone, many instructions at once."""

    def __init__(self, tool):
        self.tool = tool

    def both(self, cases):
        """For each (bits, code, bytes): what ours says, and (length, text) of Capstone's."""
        script = "".join(f"{bits} {code:x} {data.hex()}\n" for bits, code, data in cases)
        done = subprocess.run([self.tool], input=script, capture_output=True, text=True,
                              check=False)
        assert done.returncode == 0, done.stderr
        for line in done.stdout.splitlines():
            ours, _, theirs = line.partition("/")
            length, _, text = theirs.strip().partition(" ")
            yield dict(zip(NAMES, map(int, ours.split()), strict=True)), (int(length), text)

    def ours(self, cases):
        """What svm_insn_read() says of each."""
        return [ours for ours, _ in self.both(cases)]


@pytest.fixture(name="reader", scope="module")
def fixture_reader(tmp_path_factory):
    """With the sanitizers: no byte is read that is not there."""
    tool = tmp_path_factory.mktemp("insn") / "check_svm_insn"
    host_build.run(["gcc", *svm_build.flags(), *host_build.SANITIZE, "-o", tool,
                    Path(__file__).with_name("check_svm_insn.c"),
                    svm_build.FOLDER / "svm_insn_logic.c", "-lcapstone"])
    return Reader(tool)


def drawn(count, **more):
    """Instructions that fit into 15 bytes."""
    rng, made = random.Random(SEED), []
    while len(made) < count:
        one = model.draw(rng, **more)
        if len(one.data) <= model.MOST:
            made.append(one)
    return made


def differences(found, one):
    """Members of struct svm_insn that are not as they should be."""
    return {name: (found[name], value) for name, value in {"err": 0, **one.expected}.items()
            if found[name] != value}


def said(one):
    """An instruction for a message."""
    return f"{one.what}, {one.bits} bits: {one.data.hex(' ')}"


def test_every_instruction(reader):
    """20,000 encodings with what comes behind them in memory: length, registers, kind."""
    rng, made = random.Random(SEED), drawn(20000)
    cases = [(one.bits, rng.choice(one.what.codes),
              (one.data + rng.randbytes(model.MOST))[:model.MOST]) for one in made]
    wrong = [(said(one), bad) for one, found in zip(made, reader.ours(cases), strict=True)
             if (bad := differences(found, one))]
    assert not wrong, f"{len(wrong)}, (seen, expected): {wrong[:3]}"
    assert {str(one.what) for one in made} == {str(kind) for kind in model.KINDS}


def agrees(one, length, text):
    """Is it what Capstone says?"""
    mnemonic, _, operands = text.partition(" ")
    if one.what.operands == model.REGISTERS:
        wide = REGISTERS[64 if one.bits == 64 else 32]
        names = {wide[one.rm], f"{'cd'[one.what.opcode in ('0f21', '0f23')]}r{one.reg}"}
        if set(operands.split(", ")) != names:
            return False
    name = "pause|nop" if one.what.name == "pause" else one.what.name
    return length == len(one.data) and re.fullmatch(rf"(?:{name})[dqwlf]?", mnemonic)


def test_capstone(reader):
    """Somebody else's decoder finds the same ends, and the same registers in MOV CR and DR."""
    made = [one for one in drawn(12000) if one.what.name]
    cases = [(one.bits, one.what.codes[0], one.data) for one in made]
    pairs = [(one, *theirs) for one, (_, theirs) in zip(made, reader.both(cases), strict=True)
             if theirs[0]]
    wrong = [(said(one), length, text) for one, length, text in pairs
             if not agrees(one, length, text)]
    assert not wrong, f"{len(wrong)}: {wrong[:8]}"
    known = {str(one.what) for one, *_ in pairs}
    assert len(pairs) > len(made) * 0.8 and known == {one.what.name for one in made}


def test_cut_short(reader):
    """All but the last byte, or fewer: it is not all there."""
    made = drawn(1500)
    cases = [(one.bits, one.what.codes[0], one.data[:count]) for one in made
             for count in range(len(one.data))]
    wrong = [(case[2].hex(" "), found) for case, found in
             zip(cases, reader.ours(cases), strict=True) if found["err"] != NOT_IT]
    assert not wrong, f"{len(wrong)}: {wrong[:3]}"


def test_fifteen_bytes(reader):
    """The longest instruction has 15 bytes; a prefix more, and it is none."""
    made = [one for one in drawn(3000) if one.what.operands != model.REGISTERS]
    for length, err in ((model.MOST, 0), (model.MOST + 1, NOT_IT), (model.MOST + 6, NOT_IT)):
        cases = [(one.bits, one.what.codes[0], bytes([0x2E]) * (length - len(one.data)) + one.data)
                 for one in made]
        found = reader.ours(cases)
        assert {one["err"] for one in found} == {err}, length
        assert err or {one["length"] for one in found} == {model.MOST}


def half_of_group_7(what):
    """Exits by SGDT and the like: svm_insn_read() may take for one of them what stands in the same
    row of 0F 01, in the half with registers. Its length is the same, and no guest exits so."""
    if len(what.opcode) != 6 or not what.opcode.startswith("0f01"):
        return set()
    row = int(what.opcode[4:], 16) >> 3 & 7
    return {code for other in model.KINDS for code in other.codes
            if (other.opcode, other.operands, other.extension) == ("0f01", model.MEMORY, row)}


def test_all_exit_codes(reader):
    """Each instruction under each exit code: what has not caused the exit is another one."""
    rng, made = random.Random(SEED), []
    for what, bits in itertools.product(model.KINDS, (16, 32, 64)):
        one = model.draw(rng, what, bits)
        while len(one.data) > model.MOST:
            one = model.draw(rng, what, bits)
        made.append(one)
    answers = iter(reader.ours((one.bits, code, one.data) for one in made for code in model.CODES))
    for one in made:
        taken = {code for code in model.CODES if not next(answers)["err"]}
        codes = set(one.what.codes)
        assert codes <= taken <= codes | half_of_group_7(one.what), said(one)


@pytest.mark.parametrize(("code", "data", "why"), [
    (0x72, "41 0fa2", "INC CX before 64-bit mode, and no REX"), (0x72, "0f", "half an opcode"),
    (0x72, "", "nothing"), (0x72, "90 0fa2", "a NOP first"), (0x72, "0fa3 c0", "the next opcode"),
    (0x78, "0ff4 c0", "another map"), (0x78, "f5", "CMC"), (0xA2, "0f 38 81 00", "INVVPID"),
    (0xA2, "0f 3a 82 00", "map 0F 3A"), (0x7C, "0f 31", "RDTSC between WRMSR and RDMSR"),
    (0x65, "0f 20 c0", "a read of CR0"), (0x6C, "0f 00 c0", "SLDT, whose opcode is LLDT's"),
    (0x6C, "0f 00 20", "VERR"), (0x81, "0f 01 da", "VMLOAD"), (0x00, "0f 01 f0", "LMSW"),
])
def test_another_instruction(reader, code, data, why):
    """Neighbours in the opcode maps."""
    found, = reader.ours([(32, code, bytes.fromhex(data))])
    assert found["err"] == NOT_IT, f"{why}: {found}"


@pytest.mark.parametrize(("bits", "code", "data", "expected"), [
    (64, 0x10, "0f 06", {"kind": model.CLTS, "length": 2}),
    (64, 0x65, "0f 01 f0", {"kind": model.LMSW, "length": 3, "mod": 3, "rm": 0}),
    (64, 0x10, "41 0f 01 f2", {"kind": model.LMSW, "length": 4, "mod": 3, "rm": 10, "rex": 0x41}),
    (64, 0x00, "0f 01 25 00000000", {"kind": model.SMSW, "length": 7, "mod": 0, "rm": 5}),
    (64, 0x00, "44 0f 20 c3", {"kind": model.ONLY, "length": 4, "reg": 8, "rm": 3, "rex": 0x44}),
    (64, 0x10, "41 0f 22 c7", {"kind": model.ONLY, "length": 4, "reg": 0, "rm": 15}),
    (64, 0x72, "4f 66 0f a2", {"length": 4, "rex": 0}),
    (64, 0x72, "48 4f 0f a2", {"length": 4, "rex": 0x4F}),
    (16, 0x6B, "0f 01 16 3412", {"length": 5}), (16, 0x6B, "67 0f 01 15 78563412", {"length": 8}),
    (32, 0x6B, "67 0f 01 16 3412", {"length": 6}), (64, 0x6B, "67 0f 01 14 25 00000000",
                                                   {"length": 9}),
    (32, 0x79, "0f 01 7c 24 10", {"length": 5}), (32, 0x79, "0f 01 3c 2d 00000000",
                                                {"length": 8}),
    (32, 0x77, "f3 90", {"length": 2}), (32, 0x75, "cd 80", {"length": 2}),
])
def test_by_hand(reader, bits, code, data, expected):
    """A few that somebody can follow, as an assembler makes them."""
    found, = reader.ours([(bits, code, bytes.fromhex(data))])
    assert {name: found[name] for name in ("err", *expected)} == {"err": 0, **expected}


def test_any_bytes(reader):
    """Random bytes for random exits: what is taken has been put together like that, and ends."""
    rng = random.Random(SEED)
    cases = [(rng.choice((16, 32, 64)), rng.choice(model.CODES), rng.randbytes(rng.randrange(20)))
             for _ in range(20000)]
    for (_, _, data), found in zip(cases, reader.ours(cases), strict=True):
        assert found["err"] in (0, NOT_IT)
        assert found["err"] or 0 < found["length"] <= min(len(data), model.MOST)
