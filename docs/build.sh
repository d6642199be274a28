#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Build the manual with Doxygen. What is a stage is found, not listed: a stage.c and a write-up.
#
# usage: docs/build.sh FOLDER     from the top of the repository
set -eu

folder=$1
python=$(sh common/mk/find-python.sh -)
mkdir -p "$folder"

headers=
for part in common/include common/arch common/kernel common/logic common/user; do
	# One that has no file yet is in nobody's clone.
	[ ! -d "$part" ] || headers="$headers $part"
done
for stage in project0*/stage.c labs/*/stage.c; do
	[ ! -f "$stage" ] || headers="$headers ${stage%/stage.c}"
done
input="README.md docs labs/README.md $headers"
for page in tests/cheats/README.md tests/mutants/README.md; do
	[ ! -f "$page" ] || input="$input $page" # students' trees have neither
done

# A result of an earlier run must not look like one of this run.
rm -rf "$folder/html"
if ! {
	cat docs/Doxyfile
	printf '%s\n' "INPUT = $input" "OUTPUT_DIRECTORY = $folder" \
		"INCLUDE_PATH = $headers" "STRIP_FROM_INC_PATH = $headers" \
		"INPUT_FILTER = \"$python docs/filter.py\"" \
		"USE_MDFILE_AS_MAINPAGE = $PWD/README.md" # a whole path, or every README.md is one
} | doxygen - >"$folder/doxygen.log" 2>&1; then
	cat "$folder/doxygen.log" >&2
	echo "docs: Doxygen has warnings (above); each names the line of the comment to mend." >&2
	exit 1
fi
echo "The manual: $(cd "$folder" && pwd)/html/index.html"
