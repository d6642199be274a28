# SPDX-License-Identifier: GPL-2.0
"""Download Debian's kernel packages with apt and unpack them into the cache, without installing.

Nothing here needs root or changes the host: a package is taken from the host's own apt sources,
or else from a private apt root in the cache that knows every suite a kernel may come from.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from pathlib import Path

from harness import cache
from harness.errors import LabError

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
FALLBACK_MIRROR = "http://deb.debian.org/debian"
FALLBACK_SECURITY = "http://deb.debian.org/debian-security"
LISTS_GO_STALE = 24 * 3600  # seconds

# Debian releases that the course supports. A package of an older release runs on a newer one,
# not the other way round (its tools want the newer libc), so a host sees itself and older ones.
CODENAMES = {12: "bookworm", 13: "trixie"}


class FetchError(LabError):
    """A package could not be found, downloaded or unpacked; the message has the remedy."""


def host_version() -> int:
    """Return the host's Debian release as a number; a newer or foreign one counts as the newest."""
    text = Path("/etc/os-release").read_text(encoding="utf-8")
    found = re.search(r'^VERSION_ID="?(\d+)', text, re.M)
    debian = re.search(r"^ID=debian$", text, re.M)
    newest = max(CODENAMES)
    return min(int(found[1]), newest) if found and debian else newest


class Apt:
    """One set of package lists: the host's (no options), or a private root's."""

    def __init__(self, options: list[str], what: str) -> None:
        self.options = options
        self.what = what

    def _run(self, *command: str, cwd: Path | None = None) -> subprocess.CompletedProcess:
        return subprocess.run([command[0], *self.options, *command[1:]], cwd=cwd, text=True,
                              env={**os.environ, "LC_ALL": "C"}, capture_output=True, check=False)

    def names(self, pattern: str) -> list[str]:
        """Return the names of the packages that match a regular expression."""
        lines = self._run("apt-cache", "search", "--names-only", pattern).stdout.splitlines()
        return [line.split(" ", 1)[0] for line in lines]

    def depends(self, package: str) -> list[str] | None:
        """Return the names that the newest version of a package depends on, None if unknown."""
        shown = self._run("apt-cache", "show", "--no-all-versions", package).stdout
        field = re.search(r"^Depends: (.*)$", shown, re.M)
        if not shown.startswith("Package:"):
            return None
        return [re.split(r"[ :(]", name.strip())[0] for name in re.split(r"[,|]", field[1])] \
            if field else []

    def download(self, package: str, folder: Path) -> Path:
        """Download one package's newest version into a folder and return the .deb's path."""
        done = self._run("apt-get", "download", package, cwd=folder)
        debs = list(folder.glob(f"{package}_*.deb"))
        if done.returncode or not debs:
            raise FetchError(f"apt-get download {package} ({self.what}) failed:\n{done.stderr}")
        return debs[0]

    def update(self) -> None:
        """Fetch the package lists; only ever called for a private root."""
        done = self._run("apt-get", "update")
        if done.returncode:
            raise FetchError("the package lists cannot be fetched: is there a network?\n"
                             f"{done.stderr}")


def host_apt() -> Apt:
    """Return the host's own apt sources."""
    return Apt([], "the host's apt sources")


def mirrors() -> tuple[str, str]:
    """Return the addresses of the Debian archive and of its security archive that the host uses."""
    form = "$(ORIGIN)|$(LABEL)|$(REPO_URI)"
    listed = subprocess.run(["apt-get", "indextargets", "--format", form, "Created-By: Packages"],
                            text=True, capture_output=True, check=False).stdout.splitlines()
    sites = dict(line.split("|", 1)[1].split("|", 1) for line in listed
                 if line.startswith("Debian|"))
    return (sites.get("Debian", FALLBACK_MIRROR).rstrip("/"),
            sites.get("Debian-Security", FALLBACK_SECURITY).rstrip("/"))


def sources(version: int) -> str:
    """Return a sources list with every suite that has kernels for a host of that release."""
    main, security = mirrors()
    signed = f"[signed-by={KEYRING}]" if Path(KEYRING).exists() else ""
    lines = []
    for number, name in sorted(CODENAMES.items(), reverse=True):
        if number <= version:
            lines += [f"deb {signed} {main} {name} main",
                      f"deb {signed} {security} {name}-security main",
                      f"deb {signed} {main} {name}-backports main"]
    return "\n".join(lines) + "\n"


def private_apt(refresh: bool = False) -> Apt:
    """Return the private apt root, with lists that are a day old at most."""
    base = cache.root() / "apt"
    with cache.locked("apt"):
        for folder in ("lists/partial", "cache/archives/partial"):
            (base / folder).mkdir(parents=True, exist_ok=True)
        (base / "status").touch()
        # A sandbox user could not write into a cache below somebody's home.
        apt = Apt(["-o", f"Dir::Etc::sourcelist={base}/sources.list",
                   "-o", "Dir::Etc::sourceparts=/dev/null", "-o", f"Dir::State={base}",
                   "-o", f"Dir::State::lists={base}/lists",
                    "-o", f"Dir::State::status={base}/status",
                   "-o", f"Dir::Cache={base}/cache", "-o", "Acquire::Languages=none",
                   "-o", "APT::Sandbox::User=root"], "the course's private apt root")
        wanted, listed = sources(host_version()), base / "sources.list"
        known = listed.read_text(encoding="utf-8") if listed.exists() else ""
        stamp = base / "updated"
        old = not stamp.exists() or time.time() - stamp.stat().st_mtime > LISTS_GO_STALE
        if refresh or old or wanted != known:
            listed.write_text(wanted, encoding="utf-8")
            apt.update()
            stamp.touch()
    return apt


def unpack(apt: Apt, packages: list[str], folder: Path) -> None:
    """Download packages and unpack them on top of each other in a new folder."""
    folder.mkdir()
    with tempfile.TemporaryDirectory(prefix=".debs-", dir=folder.parent) as debs:
        for package in packages:
            deb = apt.download(package, Path(debs))
            done = subprocess.run(["dpkg-deb", "-x", deb, folder], text=True, capture_output=True,
                                  check=False)
            if done.returncode:
                raise FetchError(f"{deb.name} cannot be unpacked: is the disk full?\n{done.stderr}")


def header_packages(apt: Apt, release: str) -> list[str]:
    """Return the packages that together are the headers of a release."""
    name = f"linux-headers-{release}"
    depends = apt.depends(name)
    if depends is None:
        raise FetchError(f"no package {name} in {apt.what}")
    return [name] + [other for other in depends
                     if re.fullmatch(r"linux-headers-.*-common(-rt)?|linux-kbuild-.*", other)]


def relocate_headers(tree: Path) -> None:
    """Make an unpacked headers tree work where it lies: its Makefile names /usr/src."""
    for makefile in tree.glob("usr/src/linux-headers-*/Makefile"):
        text = makefile.read_text(encoding="utf-8")
        beside = "include $(dir $(lastword $(MAKEFILE_LIST)))../"
        makefile.write_text(text.replace("include /usr/src/", beside), encoding="utf-8")
