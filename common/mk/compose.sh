#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Compose the build folder of a stage: symlinks to common/, to every project up to the stage, and,
# over the stage itself, to the student's files. A later directory wins over an earlier one.
#
# usage: compose.sh FOLDER STAGE [SUBMIT]     run from the top of the repository; STAGE is 01..07
#        TODO="1.3 2.1"                       exercises to leave unsolved
set -eu

folder=$1 stage=$2 submit=${3:-}
top=$(pwd)
number=${stage#0}
if [ -n "${TODO:-}" ] && [ -f "project$stage/exercises.json" ]; then
	echo "TODO=\"$TODO\": here an exercise is undone until you do it; leave TODO out" >&2
	exit 1
fi
mkdir -p "$folder"

layers() { # every directory of the stage, the one that wins last
	printf '%s\n' common/include common/arch common/kernel common/logic common/user
	for n in 1 2 3 4 5 6 7; do
		[ "$n" -gt "$number" ] || printf 'project%02d\n' "$n"
	done
}

link() { # FILE [guest/]: absolute path; its basename is the name in the folder, or in its guest/
	name=${2:-}${1##*/}
	[ "$(readlink "$folder/$name" 2>/dev/null)" = "$1" ] || ln -sfn "$1" "$folder/$name"
	printf '%s\n' "$name" >>"$folder/.composed.new"
}

write_if_new() { # FILE, content on stdin: an unchanged file keeps its time, so nothing is rebuilt
	cat >"$1.new"
	if cmp -s "$1.new" "$1"; then rm "$1.new"; else mv "$1.new" "$1"; fi
}

: >"$folder/.composed.new"
layers | while read -r dir; do
	for file in "$top/$dir"/*.[chS] "$top/$dir"/*.def; do
		[ ! -f "$file" ] || link "$file"
	done
	# Guests are programs of their own and no part of the module: they get their own folder.
	for file in "$top/$dir"/guest/*.[chS] "$top/$dir"/guest/*.ld; do
		[ -f "$file" ] || continue
		mkdir -p "$folder/guest"
		link "$file" guest/
	done
done

if [ -n "$submit" ]; then
	[ ! -d "$submit/project$stage" ] || submit=$submit/project$stage
	# Only the files that the stage lists as the student's; a missing one stays missing, so
	# that the compiler names it and nobody is graded for the reference's code.
	while read -r name; do
		rm -f "$folder/$name"
		[ ! -f "$submit/$name" ] || link "$(cd "$submit" && pwd)/$name"
	done <"project$stage/student.files"
fi

link "$top/common/mk/Kbuild"
link "$top/common/mk/stage-build.mk"
ln -sfn stage-build.mk "$folder/Makefile"

# What was linked last time and is not now has been renamed or deleted.
if [ -f "$folder/.composed" ]; then
	sort -u "$folder/.composed" | while read -r name; do
		grep -qxF "$name" "$folder/.composed.new" ||
			rm -f "$folder/$name" "$folder/${name%.[cS]}.bin"
	done
fi
mv "$folder/.composed.new" "$folder/.composed"

# make compares times, and the file that a link leads to now may be older than the object that was
# made of another one.
find "$folder" -maxdepth 2 -type l -printf '%P %l\n' | sort >"$folder/.links.new"
cmp -s "$folder/.links.new" "$folder/.links" ||
	rm -f "$folder"/*.o "$folder"/user/*.[do] "$folder"/guest/*.[ao]
mv "$folder/.links.new" "$folder/.links"

{
	echo "# made by compose.sh: what tells this folder from another stage's"
	echo "VTX_STAGE := $number"
	echo "VTX_DEFINES := -DVTX_STAGE=$number$(for t in ${TODO:-}; do
		printf ' -DTODO_%s' "$(printf %s "$t" | tr . _)"
	done)"
} | write_if_new "$folder/stage-config.mk"
