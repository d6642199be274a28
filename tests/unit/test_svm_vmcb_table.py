# SPDX-License-Identifier: GPL-2.0
"""Fields of a VMCB by number, offset and name (vmcb_table_logic.c): any value comes back, and no
other byte changes."""
import ctypes
import random

import pytest

from entry import svm
from unit import svm_build

SEED = 20261123
SIZE = 4096
Info = svm_build.struct("Info", offset=ctypes.c_uint16, bytes=ctypes.c_uint8,
                        ident=ctypes.c_char_p, name=ctypes.c_char_p)


class Table:
    """The table and its functions."""

    def __init__(self, library):
        self.library = library
        for name in ("vmcb_table_find", "vmcb_table_find_ident"):
            getattr(library, name).restype = ctypes.POINTER(Info)
        for name in ("vmcb_field_mask", "vmcb_field_read"):
            getattr(library, name).restype = ctypes.c_uint64
        library.vmcb_field_ident.restype = ctypes.c_char_p
        library.vmcb_field_is_output.restype = ctypes.c_bool
        self.rows = (Info * len(svm.FIELDS)).in_dll(library, "vmcb_table")

    def found(self, pointer):
        """Identifier of what was found, or None."""
        return pointer.contents.ident.decode() if pointer else None

    def at(self, offset):
        """vmcb_table_find()"""
        return self.found(self.library.vmcb_table_find(ctypes.c_uint32(offset)))

    def named(self, ident):
        """vmcb_table_find_ident()"""
        return self.found(self.library.vmcb_table_find_ident(ident.encode()))


@pytest.fixture(name="table", scope="module")
def fixture_table(tmp_path_factory):
    return Table(svm_build.library(tmp_path_factory.mktemp("table"), "vmcb_table_logic.c"))


def test_find(table):
    """By offset and by name; between fields and behind them there is none."""
    starts = {offset: name for name, (offset, _) in svm.FIELDS.items()}
    for offset in [*range(SIZE + 16), 0x10000, 0x10400, 0xFFFFFFFF]:
        assert table.at(offset) == starts.get(offset), hex(offset)
        told = table.library.vmcb_field_ident(ctypes.c_uint32(offset)).decode()
        assert told == starts.get(offset, "unknown field")
    for name in svm.FIELDS:
        assert table.named(name) == name
    for name in ("", "CR", "CR33", "cr3", "CS", "GDTR.selector"):
        assert table.named(name) is None, name


def test_masks(table):
    """All bits of 1, 2, 4 and 8 bytes."""
    for number, (name, (_, size)) in enumerate(svm.FIELDS.items()):
        assert table.library.vmcb_field_mask(number) == (1 << 8 * size) - 1, name


def test_read_and_write(table):
    """Any value in any field of any VMCB."""
    rng = random.Random(SEED)
    for number, (name, (offset, size)) in list(enumerate(svm.FIELDS.items())) * 3:
        before, value = rng.randbytes(SIZE), rng.getrandbits(64)
        vmcb = ctypes.create_string_buffer(before, SIZE)
        assert table.library.vmcb_field_read(vmcb, number) == int.from_bytes(
            before[offset:offset + size], "little"), name
        table.library.vmcb_field_write(vmcb, number, ctypes.c_uint64(value))
        after = before[:offset] + value.to_bytes(8, "little")[:size] + before[offset + size:]
        assert vmcb.raw == after, f"{name}, {value:#x}"


def test_outputs(table):
    """What the processor only writes."""
    outputs = {name for number, name in enumerate(svm.FIELDS)
               if table.library.vmcb_field_is_output(number)}
    assert outputs == svm.OUTPUTS


def test_words(table):
    """Each field has a name for people."""
    for row in table.rows:
        assert row.ident.decode() in svm.FIELDS and row.name, row.ident
