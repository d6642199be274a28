#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Print the Python that runs the project: the first one, the distribution's before any other on the
# PATH, that is 3.11 or newer and has the modules asked for. A python3 from pyenv or a virtual
# environment often comes first on the PATH and has no pytest.
#
# usage: find-python.sh [MODULE...]     default: pytest xdist pexpect; "-" asks for no module
[ $# -gt 0 ] || set -- pytest xdist pexpect
[ "$*" != - ] || set --

check='import sys, importlib.util as u
sys.exit(sys.version_info < (3, 11) or not all(u.find_spec(m) for m in sys.argv[1:]))'

for python in /usr/bin/python3 "$(command -v python3)"; do
	if [ -x "$python" ] && "$python" -c "$check" "$@" 2>/dev/null; then
		printf '%s\n' "$python"
		exit 0
	fi
done
exit 1
