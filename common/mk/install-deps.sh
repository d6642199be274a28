#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Install what the project needs and the machine lacks. It runs before anything else, on a machine
# that may have nothing but git and make: POSIX sh, no Python, and quick when nothing is missing.
#
# usage: install-deps.sh [--missing | --dry-run] [GROUP...]   groups of packages.txt; default: core
#        --missing      list what is missing, a package and its reason a line, for make doctor
#        --dry-run      say what would be done
#        VTX_ROOT=dir   look for everything below dir (tests)
set -u

here=$(dirname "$0")
root=${VTX_ROOT:-}
mode=install
case ${1:-} in --*) mode=${1#--}; shift ;; esac
groups=" ${*:-core} "

say() { printf '%s\n' "$@"; } # a line for each argument

distribution() { # prints debian, fedora, arch, suse, ubuntu … : ID and ID_LIKE of os-release
	# shellcheck disable=SC1091
	[ ! -r "$root/etc/os-release" ] || (
		. "$root/etc/os-release"
		printf '%s %s' "${ID:-}" "${ID_LIKE:-}"
	)
}

any_file() { # PATTERN...: whether a pattern matches a file
	for match in "$@"; do
		[ ! -e "$match" ] || return 0
	done
	return 1
}

have_command() { # also in sbin, where a user's PATH may not lead
	[ -n "$root" ] || { command -v "$1" >/dev/null 2>&1 && return 0; }
	any_file "$root/usr/bin/$1" "$root/bin/$1" "$root/usr/sbin/$1" "$root/sbin/$1"
}

have_module() { # one Python must have all of them; those of the core are asked for once
	if [ -z "$root" ]; then
		[ -n "${python:-}" ] || python=$(sh "$here/find-python.sh") || python=none
		case $python:$1 in
		none:*) ;;
		*:pytest | *:xdist | *:pexpect) return 0 ;;
		*) sh "$here/find-python.sh" pytest xdist pexpect "$1" >/dev/null; return ;;
		esac
	fi
	any_file "$root"/usr/lib/python3*/dist-packages/"$1" \
		"$root"/usr/lib*/python3*/site-packages/"$1"
}

have_headers() { # on Debian the metapackage, which follows the distribution's kernel
	case " $distribution " in
	*" debian "*) any_file "$root/var/lib/dpkg/info/linux-headers-amd64.list" ;;
	*) any_file "$root"/lib/modules/*/build/Makefile ;;
	esac
}

present() { # PROBE
	# shellcheck disable=SC2086  # the pattern of file: is to be expanded
	case $1 in
	cmd:*) have_command "${1#cmd:}" ;;
	lib:*) any_file "$root"/usr/lib/"${1#lib:}" "$root"/usr/lib64/"${1#lib:}" \
		"$root"/usr/lib/*/"${1#lib:}" ;;
	file:*) any_file $root${1#file:} ;;
	py:*) have_module "${1#py:}" ;;
	headers) have_headers ;;
	*) say "packages.txt: unknown probe $1" >&2; exit 2 ;;
	esac
}

# One line for each missing package: its name here, and the reason.
missing() {
	while read -r group probe debian fedora arch suse why; do
		case $groups in *" $group "*) ;; *) continue ;; esac
		case " $distribution " in
		*" fedora "*) name=$fedora ;;
		*" arch "*) name=$arch ;;
		*suse*) name=$suse ;;
		*) name=$debian ;;
		esac
		[ "$name" = - ] || present "$probe" || printf '%-22s %s\n' "$name" "$why"
	done <"$here/packages.txt"
}

by_hand() { # PACKAGES: the command for a distribution that we do not install on
	case " $distribution " in
	*" fedora "*) say "  sudo dnf install $1" ;;
	*" arch "*) say "  sudo pacman -S --needed $1" ;;
	*suse*) say "  sudo zypper install $1" ;;
	*" ubuntu "*) say "  sudo apt-get install $1" |
		sed 's/linux-headers-amd64/linux-headers-generic/' ;;
	*) say "  $1" "  (the names are Debian's)" ;;
	esac
	say "" "Only Debian 12 and 13 are tested. Where a static json-c is not packaged, vtxctl" \
		"does not link: a Debian 12 or 13 container or chroot on this computer then does" \
		"the job, the lab machine needs no privileges."
}

check_rights() { # sets $as_root to what runs a command as root
	as_root=
	[ "$(id -u)" != 0 ] || return 0
	as_root=sudo
	command="make install-deps"
	# shellcheck disable=SC2086,SC2116  # without the blanks at both ends
	[ "$groups" = " core " ] || command="$command DEPS=\"$(echo $groups)\""
	if ! command -v sudo >/dev/null; then
		say "You are not root and there is no sudo. Run as root:  $command" >&2
		return 1
	elif ! sudo -n true 2>/dev/null && [ ! -t 0 ]; then
		say "sudo wants a password and there is no terminal to ask on." \
			"Run in one:  $command" >&2
		return 1
	fi
}

apt() { # dpkg may be busy with an unattended upgrade: wait for it
	$as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get -q -o DPkg::Lock::Timeout=300 "$@" </dev/null
}

progress() { # apt's output on stdin: the figures, then a dot for each package, fetched or in place
	now= # no awk here: Debian's mawk waits for a full buffer before it looks at a line
	while IFS= read -r line; do
		case $line in
		"Need to get"* | "After this operation"*) say "  $line"; continue ;;
		"Get:"*) what=fetching ;;
		"Setting up"*) what=installing ;;
		*) continue ;;
		esac
		[ "$now" = "$what" ] || printf "${now:+\\n}  %s " "$what"
		now=$what
		printf .
	done
	[ -z "$now" ] || say ""
}

install() { # PACKAGE...
	log=$(mktemp "${TMPDIR:-/tmp}/vtxdrv-apt.XXXXXX") || return 1
	say "" "Fetching the package lists and then the packages: minutes, on a slow line."
	# A third-party source that does not answer is no reason to stop: we need Debian's own.
	apt update >"$log" 2>&1 ||
		say "apt-get update had errors; going on with the package lists that are there:" \
			"$(grep -E '^(E|W|Err)' "$log" | head -n 4)"
	exec 4>&1 # apt's status comes back by the substitution, its progress goes to our output
	status=$({ { apt install -y --no-install-recommends "$@" 2>&1; echo $? >&3; } |
		tee -a "$log" | progress >&4; } 3>&1)
	[ "$status" = 0 ] && { rm -f "$log"; return 0; }
	say "" "apt-get could not install them; the last lines of $log:" >&2
	tail -n 12 "$log" >&2
	return 1
}

distribution=$(distribution)
list=$(missing)
[ "$mode" != missing ] || { [ -z "$list" ] || say "$list"; exit 0; }
[ -n "$list" ] || exit 0
# shellcheck disable=SC2046,SC2005  # names have no spaces; echo makes one line of them
packages=$(echo $(say "$list" | cut -d ' ' -f 1))

say "These packages are missing, needed for:"
printf '%s\n' "$list" | sed 's/^/  /'
case " $distribution " in
*" debian "*) case " $distribution" in *" ubuntu"*) apt_here= ;; *) apt_here=1 ;; esac ;;
*) apt_here= ;;
esac
if [ -z "$apt_here" ]; then
	say "" "This is not Debian, so nothing is installed for you. Install them by hand:"
	by_hand "$packages"
	exit 1
fi
say "" "  apt-get install --no-install-recommends $packages"
[ "$mode" = install ] || exit 1
check_rights || exit 1
# shellcheck disable=SC2086
install $packages || exit 1
list=$(missing)
[ -z "$list" ] || { say "Installed, but still not found:" "$list" >&2; exit 1; }
say "All packages are in place."
