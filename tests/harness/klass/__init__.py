# SPDX-License-Identifier: GPL-2.0
"""Grade a class: a directory of submissions in, grades.csv, index.html and feedback out.

    submissions ─ attempts ─▶ plan ─ GNU parallel, Slurm ─▶ one grading each ─ collect ─▶ CSV, HTML
                                                            (intake, grade, record)

A submission's grading is a process of its own (`python -m harness.klass one`), whichever runner
starts it. What it leaves is one folder that appears whole or not at all, so that a run which was
interrupted can go on. How an instructor uses it: docs/class.md.
"""
