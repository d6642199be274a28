# SPDX-License-Identifier: GPL-2.0
"""What a stage test can ask for: the machine, the driver in it, a build, nonces."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from harness import grade_boot
from harness.grade_collect import exercise_of
from harness.grade_key import LabKey
from harness.grade_lab import Lab
from harness.grade_settings import NONCE, POOL, SETTINGS, USED_LAB, Settings, announce


@pytest.fixture
def lab(request: pytest.FixtureRequest, lab_key: LabKey) -> Lab:
    """The booted machine that this test shares with others; vtxdrv.ko is not necessarily loaded."""
    machine = request.config.stash[POOL].get(lab_key)
    request.node.stash[USED_LAB] = machine
    machine.begin(exercise_of(request.node)[0], loads="driver" in request.fixturenames)
    return machine


@pytest.fixture
def driver(lab: Lab) -> Lab:
    """The same machine with vtxdrv.ko loaded."""
    if not lab.loaded():
        lab.load()
    return lab


@pytest.fixture
def stage_build(request: pytest.FixtureRequest, lab_key: LabKey) -> Any:
    """The stage's module and tool, built for the kernel of lab_key; nothing is booted."""
    config = request.config
    return grade_boot.stage_build(config.stash[SETTINGS], lab_key,
                                  lambda text: announce(config, text))


@pytest.fixture
def nonce(request: pytest.FixtureRequest) -> int:
    """64 random bits for this test and this run; --seed draws them again."""
    settings = request.config.stash[SETTINGS]
    value = random.Random(f"{settings.seed}/{request.node.name}").getrandbits(64)
    request.node.stash[NONCE] = value
    return value


@pytest.fixture
def rng(nonce: int) -> random.Random:
    """A random number generator seeded with the nonce."""
    return random.Random(nonce)


@pytest.fixture(scope="session")
def repository(request: pytest.FixtureRequest) -> Path:
    """The top of the tree that is looked at."""
    return request.config.stash[SETTINGS].root


@pytest.fixture(scope="session")
def grading(request: pytest.FixtureRequest) -> Settings:
    """The options of this run."""
    return request.config.stash[SETTINGS]
