# SPDX-License-Identifier: GPL-2.0
"""The tables of SVM: the VMCB's fields and their bits, exit codes, features, what is intercepted.

Held against themselves, and against what Linux has typed from the same manual.
"""
import re
from collections import Counter
from pathlib import Path

import pytest

from unit import host_build, svm_build

ARCH = svm_build.ARCH
INCLUDE = host_build.TOP / "common/include"
USER_ABI = Path("/usr/include/x86_64-linux-gnu/asm/svm.h")
HEADERS = sorted(Path("/usr/src").glob("linux-headers-*-common/arch/x86/include/asm/svm.h"))
SIZE, SAVE_AREA, SEGMENT = 4096, 0x400, 16
CONTROL = {
    "pause_filter_thresh": "PAUSE_FILTER_THRESHOLD", "pause_filter_count": "PAUSE_FILTER_COUNT",
    "iopm_base_pa": "IOPM_BASE_PA", "msrpm_base_pa": "MSRPM_BASE_PA", "tsc_offset": "TSC_OFFSET",
    "asid": "GUEST_ASID", "tlb_ctl": "TLB_CONTROL", "int_ctl": "V_INTR",
    "int_state": "INTERRUPT_STATE", "exit_code": "EXITCODE", "exit_info_1": "EXITINFO1",
    "exit_info_2": "EXITINFO2", "exit_int_info": "EXITINTINFO", "nested_ctl": "NP_CONTROL",
    "avic_vapic_bar": "AVIC_APIC_BAR", "ghcb_gpa": "GHCB_PA", "event_inj": "EVENTINJ",
    "nested_cr3": "N_CR3", "virt_ext": "VIRT_EXT", "clean": "CLEAN_BITS", "next_rip": "NRIP",
    "insn_len": "FETCHED_BYTES", "avic_backing_page": "AVIC_BACKING_PAGE",
    "avic_logical_id": "AVIC_LOGICAL_TABLE", "avic_physical_id": "AVIC_PHYSICAL_TABLE",
    "vmsa_pa": "VMSA_POINTER",
}
# Of these Linux has the lower half alone, or two halves.
HALVES = {"V_INTR", "EXITCODE", "EXITINTINFO", "EVENTINJ", "INTERRUPT_STATE", "SPEC_CTRL"}
SAVE = {"last_excp_from": "LASTEXCPFROM", "last_excp_to": "LASTEXCPTO"}
MASKS = {
    "V_IRQ_SHIFT": "V_INTR_IRQ", "V_GIF_SHIFT": "V_INTR_GIF", "V_IGN_TPR_SHIFT": "V_INTR_IGN_TPR",
    "V_INTR_MASKING_SHIFT": "V_INTR_MASKING", "V_GIF_ENABLE_SHIFT": "V_INTR_GIF_ENABLE",
    "AVIC_ENABLE_SHIFT": "V_INTR_AVIC_ENABLE", "SVM_IOIO_STR_SHIFT": "IOIO_STRING",
    "SVM_IOIO_REP_SHIFT": "IOIO_REP", "SVM_IOIO_SIZE_SHIFT": "IOIO_SIZE_8",
    "SVM_IOIO_ASIZE_SHIFT": "IOIO_ADDRESS_16", "SVM_SELECTOR_S_SHIFT": "SEGMENT_S",
    "SVM_SELECTOR_P_SHIFT": "SEGMENT_P", "SVM_SELECTOR_AVL_SHIFT": "SEGMENT_AVL",
    "SVM_SELECTOR_L_SHIFT": "SEGMENT_L", "SVM_SELECTOR_DB_SHIFT": "SEGMENT_DB",
    "SVM_SELECTOR_G_SHIFT": "SEGMENT_G", "SVM_EXITINFOSHIFT_TS_REASON_IRET": "TASK_SWITCH_IRET",
    "SVM_EXITINFOSHIFT_TS_REASON_JMP": "TASK_SWITCH_JUMP",
    "SVM_EXITINFOSHIFT_TS_HAS_ERROR_CODE": "TASK_SWITCH_ERROR_CODE",
}
FEATURES = {
    "NPT": "NP", "LBRV": "LbrVirt", "SVML": "SVML", "NRIPS": "NRIPS", "TSCRATEMSR": "TscRateMsr",
    "VMCBCLEAN": "VmcbClean", "FLUSHBYASID": "FlushByAsid", "DECODEASSISTS": "DecodeAssists",
    "PAUSEFILTER": "PauseFilter", "PFTHRESHOLD": "PauseFilterThreshold", "AVIC": "AVIC",
    "V_VMSAVE_VMLOAD": "VMSAVEvirt", "VGIF": "VGIF", "V_SPEC_CTRL": "SpecCtrl",
}
# Linux's names of exit codes, where they are not appendix C's.
EXITS = {"EXCP_BASE": "EXCP0", "LAST_EXCP": "EXCP31", "MWAIT_COND": "MWAIT_CONDITIONAL",
         "AVIC_UNACCELERATED_ACCESS": "AVIC_NOACCEL"}


def table(name, macro, folder=ARCH):
    """The arguments of each line of a table."""
    text = (folder / name).read_text(encoding="utf-8")
    found = [[word.strip() for word in re.split(r",(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)", line)]
             for line in re.findall(rf"^{macro}\((.*)\)$", text, re.M)]
    assert len(found) == len(re.findall(rf"^{macro}\(", text, re.M)) > 0, name
    return found


def rows():
    """(first byte, byte behind the last one, identifier) of all of the VMCB, in file order."""
    kinds = {"VMCB_FIELD": lambda at, size, name, _: (at, at + int(size), name),
             "VMCB_SEGMENT": lambda at, name, _: (at, at + SEGMENT, name),
             "VMCB_TABLE": lambda at, name, _: (at, at + SEGMENT, name),
             "VMCB_HOLE": lambda at, end, _: (at, int(end, 16), f"hole {at:#x}")}
    text = (ARCH / "vmcb_fields.def").read_text(encoding="utf-8")
    order = re.findall(r"^(VMCB_\w+)\(", text, re.M)
    lines = {kind: iter(table("vmcb_fields.def", kind)) for kind in kinds}
    for kind in order:
        first, *more = next(lines[kind])
        yield kinds[kind](int(first, 16), *more)


def bits():
    """(field, identifier) -> bit."""
    return {(field, ident): int(bit) for field, bit, ident, _ in table("svm_bits.def", "SVM_BIT")}


def exits():
    """Identifier -> exit code."""
    return {ident: int(code, 16)
            for code, ident, _ in table("svm_exit_codes.def", "SVM_EXIT_CODE")}


def wishes():
    """What is intercepted in every guest."""
    return [ident for ident, _ in table("svm_wishes.def", "SVM_WISH", INCLUDE)]


# ---- the VMCB ------------------------------------------------------------------------------------


def test_no_gap_and_no_overlap():
    """From byte 0 to the last one, each belongs to one line."""
    at = 0
    for first, end, name in rows():
        assert first == at, f"{name} begins at {first:#x}, and what is before it ends at {at:#x}"
        assert end > first, name
        at = end
    assert at == SIZE


def test_names_and_places():
    """One name for one field, aligned like its size, and none lies across the two areas."""
    names = Counter(name for *_, name in rows())
    assert names.most_common(1)[0][1] == 1, names.most_common(3)
    for first, end, name in rows():
        if not name.startswith("hole"):
            assert first % min(end - first, 8) == 0, f"{name} at {first:#x}"
        assert end <= SAVE_AREA or first >= SAVE_AREA, name


def linux_struct(text, name):
    """Member -> (offset, bytes) of a packed structure of Linux's."""
    body = re.search(rf"struct (?:__attribute__ \(\(__packed__\)\) )?{name} \{{(.*?)\n\}}", text,
                     re.S)[1]
    sizes, at, found = {"u8": 1, "u16": 2, "u32": 4, "u64": 8, "struct vmcb_seg": SEGMENT}, 0, {}
    for kind, member, count in re.findall(
            r"^\t(u\d+|struct vmcb_seg) (\w+)(?:\[([^\]]+)\])?;", body, re.M):
        size = sizes[kind] * number(count)
        found[member] = (at, size)
        at += size
    return found


def number(count):
    """Elements of an array, as it is written there; intercepts have six words."""
    first, _, second = (count or "1").replace("MAX_INTERCEPT", "6").partition(" - ")
    return int(first) - int(second or 0)


@pytest.mark.skipif(not HEADERS, reason="needs Linux's kernel headers in /usr/src")
def test_fields_of_linux():
    """The fields that KVM knows lie where ours do, and have as many bytes."""
    text = HEADERS[-1].read_text(encoding="utf-8")
    ours = {name: (first, end - first) for first, end, name in rows()}
    control, save = (linux_struct(text, f"vmcb_{area}_area") for area in ("control", "save"))
    assert len(set(CONTROL) & set(control)) == len(CONTROL)
    for theirs, name in CONTROL.items():
        at, size = control[theirs]
        assert ours[name] == (at, 8 if name in HALVES else size), name
    compared = 0
    for theirs, (at, size) in save.items():
        name = SAVE.get(theirs, theirs.upper())
        if name in ours:
            assert ours[name] == (SAVE_AREA + at, 8 if name in HALVES else size), name
            compared += 1
    assert compared == sum(1 for first, _, name in rows()
                           if first >= SAVE_AREA and not name.startswith("hole"))


# ---- bits ----------------------------------------------------------------------------------------


def test_bits_are_unique():
    """No two names for one bit, no name twice, no bit outside of its field."""
    lines = table("svm_bits.def", "SVM_BIT")
    for key in (lambda line: (line[0], line[1]), lambda line: (line[0], line[2])):
        most, count = Counter(map(key, lines)).most_common(1)[0]
        assert count == 1, most
    widths = {name: 8 * (end - first) for first, end, name in rows()}
    widths |= {"CLEAN": widths["CLEAN_BITS"], "SEGMENT": 12, "EVENT": 64}
    for field, bit, ident, meaning in lines:
        assert int(bit) < widths.get(field, 64), f"{field} {ident}"
        assert meaning.strip('"'), f"{field} {ident}"


@pytest.mark.skipif(not HEADERS, reason="needs Linux's kernel headers in /usr/src")
def test_bits_of_linux():
    """Those that KVM uses."""
    text = HEADERS[-1].read_text(encoding="utf-8")
    ours = {f"{field}_{ident}": bit for (field, ident), bit in bits().items()}
    theirs = {name: int(value) for name, value in
              re.findall(r"^#define\s+(\w+SHIFT\w*)\s+(\d+)$", text, re.M)}
    wrong = {name: (ours[name], theirs[linux]) for linux, name in MASKS.items()
             if ours[name] != theirs[linux]}
    assert not wrong, f"(ours, Linux's): {wrong}"


# ---- exit codes, features, intercepts ------------------------------------------------------------


def test_exit_codes_are_unique():
    """In order, none twice; every code that an intercept's bit may bring about up to A6H is there.

    The bit of an intercept is its exit code, so that a hole would be a bit that nobody can name.
    """
    codes = list(exits().values())
    assert codes == sorted(set(codes))
    assert len(table("svm_exit_codes.def", "SVM_EXIT_CODE")) == len(codes)
    assert [code for code in codes if code < 0x400] == list(range(0xA7))
    assert [code for code in codes if code >= 0x400] == [0x400, 0x401, 0x402, 0x403]


def appendix_c(name):
    """The manual's name of one of Linux's."""
    turned = re.sub(r"^(READ|WRITE)_([CD]R\d+)$", r"\2_\1", name)
    return EXITS.get(turned, turned)


def test_exit_codes_of_linux():
    """Every code of the kernel's user ABI under the same name, but for those of software's own."""
    text = USER_ABI.read_text(encoding="utf-8")
    theirs = {name: int(value, 16) for name, value in
              re.findall(r"^#define SVM_EXIT_(\w+)\s+(0x[0-9a-f]+)$", text, re.M)}
    ours = exits()
    known = {appendix_c(name): code for name, code in theirs.items() if code < 0x80000000}
    assert len(known) > 90
    wrong = {name: (ours.get(name), code) for name, code in known.items()
             if ours.get(name) != code}
    assert not wrong, f"(ours, Linux's): {wrong}"


def test_features():
    """CPUID 8000_000AH EDX: no bit and no name twice."""
    lines = table("svm_features.def", "SVM_FEATURE")
    for column in (0, 1):
        assert len({line[column] for line in lines}) == len(lines)
    assert all(0 <= int(line[0]) < 32 for line in lines)


@pytest.mark.skipif(not HEADERS, reason="needs Linux's kernel headers in /usr/src")
def test_features_of_linux():
    """Those that KVM asks for have the same bits."""
    text = (HEADERS[-1].parent / "cpufeatures.h").read_text(encoding="utf-8")
    theirs = {name: int(bit) for name, bit in
              re.findall(r"^#define X86_FEATURE_(\w+)\s+\(15\*32\+ ?(\d+)\)", text, re.M)}
    ours = {name: int(bit) for bit, name, _ in table("svm_features.def", "SVM_FEATURE")}
    wrong = {name: (ours[name], theirs[linux]) for linux, name in FEATURES.items()
             if ours[name] != theirs[linux]}
    assert not wrong, f"(ours, Linux's): {wrong}"


def test_wishes():
    """Each is an exit code that has a bit, once, and with a reason; VMRUN is among them."""
    listed, codes = wishes(), exits()
    assert len(set(listed)) == len(listed)
    assert all(codes[name] < 192 for name in listed)
    assert all(len(why.strip('"')) > 10 for _, why in table("svm_wishes.def", "SVM_WISH", INCLUDE))
    # What the processor or the host would not survive.
    assert set(listed) >= {"VMRUN", "INTR", "NMI", "SMI", "INIT", "SHUTDOWN", "IOIO", "MSR",
                           "VMLOAD", "VMSAVE", "STGI", "CLGI", "SKINIT", "INVLPGA", "INVD", "HLT"}


def test_structures_and_constants(tmp_path):
    """What a compiler makes of the tables: struct vmcb, SVM_… and VMEXIT_…"""
    expected = {f"SVM_{field}_{ident}": 1 << bit for (field, ident), bit in bits().items()}
    expected |= {f"VMEXIT_{ident}": code for ident, code in exits().items()}
    expected |= {f"__builtin_offsetof(struct vmcb, {name})": first
                 for first, _, name in rows() if not name.startswith("hole")}
    expected |= {"sizeof(struct vmcb)": SIZE, "VMEXIT_INVALID": 2 ** 64 - 1}
    assert svm_build.numbers(tmp_path, ["vmcb.h", "svm_codes.h"], list(expected)) == expected
