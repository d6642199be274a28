# SPDX-License-Identifier: GPL-2.0
"""The control bits that project03 computes, on the host, against a model in Python."""
import json
import random
import subprocess
from pathlib import Path

import pytest

from unit import host_build, random_facts
from unit import reference_vmcs as reference
from unit.reference_tables import GROUPS

HERE = Path(__file__).resolve().parent
RECORDINGS = sorted((HERE / "recordings").glob("*.json"))
SEED = 20261123
BATCH = 400


@pytest.fixture(name="vtxctl", scope="module")
def fixture_vtxctl(tmp_path_factory):
    """vtxctl of project03 with the sanitizers."""
    return host_build.build(tmp_path_factory.mktemp("checked"), stage=3, sanitize=True)


def ask(tool, raws, *words):
    """vtxctl controls for these CPUs: its output, and its exit status."""
    done = subprocess.run([tool, "controls", *words, "--from", "-"], capture_output=True,
                          input=json.dumps({"raw": {"cpus": raws}}), text=True, check=False)
    assert done.stdout, done.stderr
    return done.stdout, done.returncode


def check(tool, raws):
    """Compare every CPU with the model; returns how many have all that is required."""
    text, status = ask(tool, raws, "--json")
    cpus = json.loads(text)["cpus"]
    for seen, raw in zip(cpus, raws, strict=True):
        assert seen == {"cpu": raw["cpu"], **reference.controls(raw)}, json.dumps(raw)
    good = sum(cpu["ok"] for cpu in cpus)
    assert status == (0 if good == len(cpus) else 1)
    return good


def generous(rng, raw):
    """Change random MSRs so that most CPUs have what is required, and some just not."""
    basic = int(raw["vmx_msr"][0] or "0", 16)
    for group, names, plain, true, wide in GROUPS:
        every = sum(1 << bit for bit in names)
        must = 0 if wide else rng.getrandbits(32) & rng.getrandbits(32) & ~every
        may = (must | every) & (1 << 64 if wide else 1 << 32) - 1
        if rng.random() < 0.3:
            may &= ~(1 << rng.choice(list(names)))
        if rng.random() < 0.3 and not wide:
            must |= 1 << rng.choice(list(names)) & may
        value = may if wide else may << 32 | must
        for index in filter(None, (plain, true)):
            raw["vmx_msr"][index - 0x480] = hex(value)
    if rng.random() < 0.2:
        raw["vmx_msr"][rng.randrange(20)] = None
    raw["vmx_msr"][0] = hex(basic ^ rng.getrandbits(1) << 55)
    return raw


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_recordings(vtxctl, path):
    """Processors that exist."""
    check(vtxctl, json.loads(path.read_text())["raw"]["cpus"])


def test_random_processors(vtxctl):
    """Thousands of random ones, most of which lack something."""
    facts = random_facts.Facts(SEED)
    for _ in range(4):
        check(vtxctl, [facts.cpu(number) for number in range(BATCH)])


def test_generous_processors(vtxctl):
    """Processors that are about good enough: every decision goes both ways."""
    rng, facts = random.Random(SEED), random_facts.Facts(SEED + 1)
    raws = [generous(rng, facts.cpu(number)) for number in range(2 * BATCH)]
    good = check(vtxctl, raws)
    assert 50 < good < len(raws) - 50
    answers = [reference.controls(raw) for raw in raws]
    active = [answer["controls"] for answer in answers if answer["ok"]]
    assert {values["secondary"] is None for values in active} == {True, False}
    assert {answer["missing"]["group"] for answer in answers if answer["missing"]} == {
        "pin", "primary", "exit", "entry"}


def test_hostile_processors(vtxctl):
    """All zeros, all ones, contradictions."""
    check(vtxctl, [random_facts.uniform(0, 0), random_facts.uniform(1, ~0),
                   random_facts.contradictory(2)])


def test_text_names_what_is_missing(vtxctl):
    """The answer for people: group, bit, name, and why it is required."""
    raw = json.loads((HERE / "recordings/real-core_i7_6700k.json").read_text())["raw"]["cpus"][0]
    text, status = ask(vtxctl, [raw])
    assert status == 0 and "unconditional I/O exiting" in text and "required" in text
    for index in (0x482, 0x48E):
        value = int(raw["vmx_msr"][index - 0x480], 16)
        raw["vmx_msr"][index - 0x480] = hex(value & ~(1 << 32 + 24))
    text, status = ask(vtxctl, [raw])
    assert status == 1 and "bit 24" in text and "unconditional I/O exiting" in text
    assert "the I/O ports are the host's" in text
    assert max(map(len, text.splitlines())) <= 120


def test_starter_says_what_is_missing(tmp_path, vtxctl):
    """With exercise 3.6 undone there is no answer, and a line that says why."""
    folder = tmp_path / "starter"
    folder.mkdir()
    tool = host_build.build(folder, ("3.6",), stage=3)
    done = subprocess.run([tool, "controls", "--json", "--from", RECORDINGS[0]],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "exercise 3.6" in done.stderr
    assert json.loads(done.stdout)["cpus"][0]["ok"] is False
