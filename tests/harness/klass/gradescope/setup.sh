#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Gradescope runs this once, as root, when it makes the image: packages, kernel, and a trial.
set -eu

source=${AUTOGRADER:-/autograder}/source
# shellcheck disable=SC1091
. /etc/os-release
if [ "${ID:-}" != debian ]; then
	echo "This autograder needs Debian 12 or 13; this is ${PRETTY_NAME:-something else}." >&2
	echo "Build the image with the Dockerfile of this package, see docs/class.md." >&2
	exit 1
fi
apt-get update -q
apt-get install -q -y --no-install-recommends git make ca-certificates
cd "$source/vtxdrv"
make install-deps
# The trial downloads the kernel and builds what all gradings share; it has to earn all points, or
# there is no image.
mkdir -p "$source/../results"
VTX_SUBMISSION="$source/vtxdrv" "$source/run_autograder"
grep -q '"score": 100,' "$source/../results/results.json"
rm "$source/../results/results.json"
