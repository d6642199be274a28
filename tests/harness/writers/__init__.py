# SPDX-License-Identifier: GPL-2.0
"""Writers of a grading result, one format a module: text(run, stage) -> str.

Everything that they need is in harness.results; none of them knows where a result came from.
"""
