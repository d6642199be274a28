# SPDX-License-Identifier: GPL-2.0
"""vtxctl explain on the host: the rules of a VM entry on dumps, good, bad and hostile ones."""
import json
import subprocess

import pytest

from entry import made_up
from entry.checker import IDENTS
from unit import host_build

STAGE = 4
ERROR, REASON = "VM_INSTRUCTION_ERROR", "EXIT_REASON"


@pytest.fixture(name="vtxctl", scope="module")
def fixture_vtxctl(tmp_path_factory):
    """vtxctl of project04, with the sanitizers."""
    return host_build.build(tmp_path_factory.mktemp("vtxctl"), sanitize=True, stage=STAGE)


def dump(changes=None, **more):
    """A dump as vtxctl dump --json writes it."""
    state = made_up.changed(made_up.base_state(), changes or {})
    return {"vendor": "vmx", "vm": "made up", "vcpu": 0,
            "facts": {**made_up.raw_facts(), "hv_signature": None},
            "fields": {name: hex(value) for name, value in state.items()}, "absent": [], **more}


def explain(tool, content, *options):
    """Run it on a dump, or on a text."""
    text = content if isinstance(content, str) else json.dumps(content)
    return subprocess.run([tool, "explain", "-", *options], input=text, capture_output=True,
                          text=True, check=False)


def test_valid(vtxctl):
    """Nothing is wrong, and that is what it says."""
    done = explain(vtxctl, dump())
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("No rule of a VM entry is violated (")


def test_violated(vtxctl):
    """Rule, field, value, wrong bits, what would do, the other fields, and the section."""
    done = explain(vtxctl, dump({"GUEST_CR4": 0x2000, "HOST_CS_SELECTOR": 0}))
    assert done.returncode == 1
    for part in ("guest.ia32e.pae (guest state: exit reason 33)",
                 "GUEST_CR4 is 0x2000, wrong in the bits 0x20; 0x2020 would do",
                 "with VM_ENTRY_CONTROLS 0x", 'SDM vol. 3, "Checks on Guest Control Registers,',
                 "host.cs.null (host state: VM-instruction error 8)", "HOST_CS_SELECTOR is 0x0",
                 "2 of "):
        assert part in done.stdout, part


def test_numbers_by_name(vtxctl):
    """The last error and the last exit reason, if it was a failed entry."""
    both = dump({ERROR: 7, REASON: 0x80000021})
    said = explain(vtxctl, both).stdout
    assert "VM-instruction error in it is 7: VM entry with invalid control field(s)" in said
    assert "33: VM-entry failure: invalid guest state" in said
    assert "failed VM entry" not in explain(vtxctl, dump({ERROR: 0, REASON: 12})).stdout


def test_json(vtxctl):
    """The same for programs."""
    done = explain(vtxctl, dump({"GUEST_CR4": 0x2000}), "--json")
    said = json.loads(done.stdout)
    assert done.returncode == 1
    assert [rule["rule"] for rule in said["violated"]] == ["guest.ia32e.pae"]
    rule = said["violated"][0]
    assert (rule["kind"], rule["field"], rule["seen"], rule["wrong"], rule["right"]) == (
        "guest", "GUEST_CR4", "0x2000", "0x20", "0x2020")
    assert rule["fields"]["GUEST_CR4"] == "0x2000"
    assert said["undecided"] == [] and said["rules"] > 200


def test_without_facts(vtxctl):
    """A dump without the processor's facts: what needs them is not decided, and it says so."""
    bare = dump({"HOST_CS_SELECTOR": 0})
    del bare["facts"]
    done = explain(vtxctl, bare)
    assert done.returncode == 1
    assert 'no "facts"' in done.stderr
    assert "host.cs.null" in done.stdout and "Not decided" in done.stdout
    assert "host.cr0.fixed: " in done.stdout


def test_few_fields(vtxctl):
    """One field is enough to say something."""
    done = explain(vtxctl, {"fields": {"HOST_CS_SELECTOR": "0x0"}})
    assert done.returncode == 1 and "host.cs.null" in done.stdout
    done = explain(vtxctl, {"fields": {"HOST_CS_SELECTOR": "0x10"}})
    assert done.returncode == 0 and "No rule of a VM entry is violated" in done.stdout


@pytest.mark.parametrize("content, complaint", [
    ("", "is empty: expected the output of vtxctl dump --json"),
    ("{", "is not one JSON object"),
    ("[]", 'expected {"facts"'),
    ("{}", 'expected {"facts"'),
    ('{"fields": {}}', 'expected {"facts"'),
    ('{"fields": {"GUEST_CR9": "0x0"}}', "fields.GUEST_CR9: there is no such field"),
    ('{"fields": {"GUEST_CR0": 1}}', 'fields.GUEST_CR0: expected "0x…" of at most 64 bits'),
    ('{"fields": {"GUEST_CR0": null}}', 'fields.GUEST_CR0: expected "0x…"'),
    ('{"fields": {"HOST_CS_SELECTOR": "0x10000"}}', "of at most 16 bits, found"),
    ('{"fields": {"GUEST_CR0": "0x0"}, "facts": 1}', "expected an object with the facts"),
    ('{"fields": {"GUEST_CR0": "0x0"}, "facts": {"cpu": -1}}', ".cpu: expected a number"),
])
def test_hostile(vtxctl, content, complaint):
    """What no dump looks like is refused by name of what is wrong."""
    done = explain(vtxctl, content)
    assert done.returncode == 2
    assert complaint in done.stderr, done.stderr
    assert done.stdout == ""


def test_no_file(vtxctl):
    """A file that is not there, and no file at all."""
    done = subprocess.run([vtxctl, "explain", "/nowhere/dump.json"], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 2 and "opening /nowhere/dump.json failed" in done.stderr
    done = subprocess.run([vtxctl, "explain"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "which file?" in done.stderr


def test_every_field_is_known(vtxctl):
    """All fields of the table can stand in a dump."""
    fields = {name: "0x0" for name in IDENTS.values()}
    assert explain(vtxctl, {"fields": fields}).returncode == 1
