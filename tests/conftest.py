# SPDX-License-Identifier: GPL-2.0
"""Makes the tests find the `harness` package, and loads the course's pytest plugin from it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

pytest_plugins = ["harness.grade_plugin"]
