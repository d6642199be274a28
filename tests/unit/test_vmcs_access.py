# SPDX-License-Identifier: GPL-2.0
"""vmcs_access.h: an access of the wrong width does not compile."""
import subprocess

import pytest

from unit import host_build

USER = """
#include "vtx_types.h"
#include "vmcs_access.h"

u64 user(void)
{{
	{statement}
	return 0;
}}
"""
FIELDS = {"16": "VMCS_GUEST_CS_SELECTOR", "32": "VMCS_VM_ENTRY_CONTROLS",
          "64": "VMCS_VMCS_LINK_POINTER", "_natural": "VMCS_GUEST_CR0"}


def compiled(folder, statement):
    """The compiler's complaint about one statement; "" for none."""
    (folder / "user.c").write_text(USER.format(statement=statement), encoding="utf-8")
    done = subprocess.run(["gcc", *host_build.compile_flags((), 3), "-Wno-missing-prototypes",
                           "-fsyntax-only", folder / "user.c"],
                          capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stderr


@pytest.mark.parametrize("width", FIELDS)
@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("statement", ["return vmcs_read{width}({field});",
                                       "vmcs_write{width}({field}, 1);"], ids=["read", "write"])
def test_width(tmp_path, statement, width, field):
    """Each accessor takes fields of its own width, and no others."""
    complaint = compiled(tmp_path, statement.format(width=width, field=FIELDS[field]))
    if width == field:
        assert complaint == ""
    else:
        assert f"{FIELDS[field]} is not a field of width" in complaint


def test_variable_field(tmp_path):
    """A field that is not known while the build runs has no width to prove."""
    assert "constant" in compiled(
        tmp_path, "enum vmcs_field f = VMCS_GUEST_CR0; vmcs_write_natural(f, 1);")
