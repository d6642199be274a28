#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Remove a directory that the project made: `make clean O=$HOME` must not be the end of a home.
#
# usage: remove.sh DIRECTORY
set -eu

[ -d "$1" ] || exit 0
dir=$(cd "$1" && pwd -P)
case "$(pwd -P)/ $(cd "${HOME:-/}" && pwd -P)/" in
"$dir"/* | *" $dir"/*) reason="this clone or your home is in it" ;;
*) [ ! -e "$dir/.git" ] && reason= || reason="it is a git repository" ;;
esac
[ "$dir" != / ] || reason="it is the root directory"
if [ -n "$reason" ]; then
	echo "$dir is not removed: $reason. Remove by hand what is to go." >&2
	exit 1
fi
rm -rf "$dir"
