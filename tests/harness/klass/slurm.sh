#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Grade a class with Slurm: one task of a job array is one submission, a last job makes the tables.
#
#   python -m harness.klass slurm --submissions DIR --stage 02     plans it and prints the commands:
#   sbatch --array=0-19%8 --chdir=REPOSITORY slurm.sh OUT          %8: at most eight at a time
#   sbatch --dependency=afterany:ID --chdir=REPOSITORY slurm.sh OUT collect [--policy FILE]
#
# Repository and OUT are on a file system that the nodes share. What is built is not: it goes to the
# node's own disk. The nodes need the packages of `make install-deps`; nothing needs privileges.
#SBATCH --job-name=grade-class
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --mem=3G
#SBATCH --time=00:30:00
#SBATCH --signal=TERM@60
set -eu

out=$1
python=$(sh common/mk/find-python.sh) || {
	echo "No Python with pytest, xdist and pexpect on $(hostname): make install-deps" >&2
	exit 3
}
export PYTHONPATH="$PWD/tests" PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1

if [ "${2:-}" = collect ]; then
	shift 2
	exec "$python" -m harness.klass collect --out "$out" "$@"
fi
# exec: a signal that Slurm sends before its time limit has to reach the grader.
exec "$python" -m harness.klass one --out "$out" \
	--build-root "${TMPDIR:-/tmp}/vtxdrv-build-$(id -un)" \
	"${SLURM_ARRAY_TASK_ID:?this is not a task of a job array: sbatch --array=… }"
