# SPDX-License-Identifier: GPL-2.0
"""project05's pure C on the host, held against the stage's own checks, and its mutants with it."""

import random
import re
from pathlib import Path

import pytest

from harness import ept, kit, mutants
from harness.grade import Unmet, problem_text
from stage import memory_logic, npt_model, slot_model
from stage.memory_logic import Driver
from stage.npt_model import GIB, MIB, PAGE, Model
from unit import host_build

REPOSITORY = Path(__file__).resolve().parents[2]
STAGE = 5
CHECKS = {"5.1": (memory_logic.check_page_sizes, memory_logic.check_splits,
                  memory_logic.check_no_memory, memory_logic.check_walks,
                  memory_logic.check_sequence),
          "5.2": (slot_model.check_caps,), "5.3": (slot_model.check_slots,)}
SEEDS = range(3)
MUTANTS = [m for m in mutants.load(REPOSITORY, "project05") if m.pure_logic]


def driver(folder, changed=None):
    """The driver on the reference's files, or on those of a folder in their place."""
    sources = []
    for name in kit.MEMORY_LOGIC:
        path = (changed or folder) / f"{name}.c"
        sources.append(path if path.exists() else REPOSITORY / f"project05/{name}.c")
    tool = folder / "memtool"
    host_build.run(["gcc", *host_build.compile_flags((), STAGE), *host_build.SANITIZE, "-O1", "-w",
                    "-o", tool, *sorted(kit.MEMTOOL.glob("*.c")), *sources])
    return Driver.on_host(tool)


def complaints(tool, number):
    """What an exercise's checks say, one text for each seed; None where all of them pass."""
    for seed in SEEDS:
        text = None
        try:
            for check in CHECKS[number]:
                check(tool, random.Random(seed))
        except Unmet as error:
            text = problem_text(error.problem)
        yield text


@pytest.fixture(scope="module", name="reference")
def built(tmp_path_factory):
    return driver(tmp_path_factory.mktemp("memtool"))


@pytest.mark.parametrize("number", CHECKS)
def test_reference(reference, number):
    assert list(complaints(reference, number)) == [None] * len(SEEDS)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name)
def test_mutant(mutant, tmp_path):
    """Caught whatever was drawn, in words that name the mistake, and by no other exercise."""
    changed = mutants.write(mutant, REPOSITORY, tmp_path / "submission")
    tool = driver(tmp_path, changed)
    for number in CHECKS:
        texts = list(complaints(tool, number))
        if number in mutant.breaks:
            assert all(texts), f"{number} passes with {texts.count(None)} of the seeds"
            assert all(re.search(mutant.says, text) for text in texts), texts[0]
        elif number not in mutant.also:
            assert not any(texts), next(filter(None, texts))


# ---- the model itself ----------------------------------------------------------------------------


def test_model():
    """What is mapped, changed in its middle, and taken away."""
    model = Model()
    model.map(2 * MIB, 6 * MIB, 4 * MIB, ept.RIGHTS, ept.WB)
    model.map(6 * MIB, 10 * MIB, PAGE, ept.RIGHTS, ept.WB)
    assert model.ranges == [(2 * MIB, 4 * MIB + PAGE, 6 * MIB, ept.RIGHTS, ept.WB)]
    model.protect(3 * MIB, PAGE, ept.READ)
    model.unmap(5 * MIB, GIB)
    assert model.ranges == [(2 * MIB, MIB, 6 * MIB, 7, 6), (3 * MIB, PAGE, 7 * MIB, 1, 6),
                            (3 * MIB + PAGE, 2 * MIB - PAGE, 7 * MIB + PAGE, 7, 6)]
    assert model.at(3 * MIB + 5) == (7 * MIB + 5, 1, 6) and model.at(5 * MIB) is None
    assert model.free(0, 2 * MIB) and not model.free(0, 2 * MIB + 1)


def test_model_against_pages():
    """The ranges of a random sequence are those of a dictionary with one entry a page."""
    rng, pages, model = random.Random(7), {}, Model()
    for what, *words in npt_model.steps(random.Random(3), 400, GIB, 40):
        gpa, size = words[0], words[1 if what != "map" else 2]
        if size > 8 * MIB:
            continue
        getattr(model, what)(*words)
        for at in range(gpa, gpa + size, PAGE):
            if what == "map":
                pages[at] = (words[1] + at - gpa, *words[3:])
            elif what == "unmap":
                pages.pop(at, None)
            elif at in pages:
                pages[at] = (pages[at][0], words[2], pages[at][2])
        at = rng.randrange(GIB) & ~(PAGE - 1)
        assert model.at(at) == pages.get(at)
    assert model.ranges == npt_model.joined((at, PAGE, *page) for at, page in pages.items())


@pytest.mark.parametrize("largest", npt_model.SIZES)
def test_few_leaves(largest):
    """No map of a sequence takes an emulated machine seconds, whatever the largest page is."""
    sizes = [size for size in npt_model.SIZES if size <= largest]
    maps = [words for what, *words in npt_model.steps(random.Random(5), 400, 1 << 48, 46, largest)
            if what == "map"]
    most = max(len(npt_model.best_pages(gpa, hpa, size, sizes)) for gpa, hpa, size, *_ in maps)
    assert 700 < most <= npt_model.MOST_LEAVES


def test_best_pages():
    assert npt_model.best_pages(0, 0, GIB + PAGE, (PAGE, 2 * MIB, GIB)) == [GIB, PAGE]
    assert npt_model.best_pages(0, PAGE, 2 * PAGE, (PAGE, 2 * MIB)) == [PAGE, PAGE]
    assert npt_model.best_pages(2 * MIB - PAGE, 4 * MIB - PAGE, 2 * MIB + PAGE,
                                (PAGE, 2 * MIB)) == [PAGE, 2 * MIB]
