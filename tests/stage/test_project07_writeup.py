# SPDX-License-Identifier: GPL-2.0
"""project07: what the write-up shows as output is what the tools print."""
import pytest

from stage.writeup_tools import compare_transcripts

pytestmark = [pytest.mark.reference, pytest.mark.lab(vendor="svm", cpus=2, accel="tcg", kernels=1)]


def test_transcripts(driver, lab_key, repository):
    """Every transcript of the write-up is what its command prints today."""
    compare_transcripts(driver, repository / "project07" / "README.md", lab_key.vendor)
