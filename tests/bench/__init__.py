# SPDX-License-Identifier: GPL-2.0
"""make bench: vtxdrv and KVM measured in one lab machine; see docs/bench.md."""
