#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# make help: the Makefile's targets in its order. "target: … ## text" and "## target: text" are
# described, other "## text" lines are headings. A pattern target is written "## targetN: text".
#
# usage: help.sh MAKEFILE...
echo "vtxdrv: a hypervisor built in seven projects. New here: make demo, then README.md"
awk '
	function show(described) {
		target = described; sub(/:.*/, "", target)
		sub(/^[^:]*: */, "", described)
		printf "  %-15s %s\n", target, described
	}
	/^## [a-z-]+: / { show(substr($0, 4)); next }
	/^## / { print "\n" substr($0, 4); next }
	/^[a-z%-]+:.* ## / {
		target = $1
		sub(/.* ## /, "")
		show($0 ~ /^[a-z-]+N: / ? $0 : target " " $0)
	}' "$@"
cat <<'END'

Variables: KVER= kernel, a release or a series (6.12)   STAGE=02   SUBMIT=dir   TODO="1.3 2.1"
           O= build folder   VTX_ACCEL=kvm|tcg|bochs   VTX_CACHE= downloads   PYTHON=
           JOBS= lab machines side by side
END
