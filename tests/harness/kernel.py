#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Find the kernel of the lab machine: image, modules and headers of one release, that fit.

By default the one that the distribution's metapackage names; KVER= asks for another release
("6.12.95+deb12-amd64") or for the newest one of a series ("6.12"). What is installed is used as it
is; what is not is unpacked into the cache: a student's boot loader never sees another kernel.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

if __name__ == "__main__":  # run by its path: make `harness` the package, and not this folder
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from harness import cache, kernel_fetch  # noqa: E402
from harness.errors import LabError  # noqa: E402
from harness.kernel_fetch import FetchError, host_apt, private_apt  # noqa: E402
from harness.spec import Kernel  # noqa: E402

SERIES = re.compile(r"\d+\.\d+")
RELEASE = re.compile(r"linux-(?:image|headers)-(\d[^ ]*-amd64)")
# "6.1.0-56-amd64" or "6.12.95+deb12-amd64", but no cloud or real-time flavour.
PLAIN_RELEASE = re.compile(r"\d+\.\d+\.\d+(-\d+|\+deb\d+(\.\d+)?)-amd64")
HEADERS_META = "linux-headers-amd64"


class KernelError(LabError):
    """No kernel of that name can be had; the message says which ones can."""


def series_of(release: str) -> str:
    """Return "6.1" for "6.1.0-56-amd64"."""
    found = SERIES.match(release)
    if not found:
        raise KernelError(f"KVER={release}: expected a series such as 6.12 or a release such as"
                          " 6.12.95+deb12-amd64")
    return found[0]


def age(release: str) -> tuple:
    """Return a sort key: the host's own Debian release first, then the version's numbers."""
    own = f"+deb{kernel_fetch.host_version()}" in release or "+deb" not in release
    return own, [int(number) for number in re.findall(r"\d+", release)]


def resolve(kver: str | None = None, refresh: bool = False) -> Kernel:
    """Return the kernel for KVER, downloading what is missing.

    With `refresh` the newest release of a series is looked up even if one is in the cache.
    """
    kver = kver or os.environ.get("KVER") or None
    try:
        if kver is None:
            return assemble(default_release())
        series_of(kver)
        if SERIES.fullmatch(kver):
            return assemble(newest_of(kver, refresh))
        return assemble(kver)
    except FetchError as error:
        raise KernelError(f"kernel {kver or '(default)'}: {error}") from error


def default_release() -> str:
    """Return the release that the metapackage names: the installed one, else the newest known."""
    query = subprocess.run(["dpkg-query", "-W", "-f=${Status}|${Depends}", HEADERS_META], text=True,
                           capture_output=True, check=False).stdout
    found = RELEASE.search(query) if query.startswith("install ok installed") else None
    if found:
        return found[1]
    for apt in (host_apt, private_apt):
        for name in apt().depends(HEADERS_META) or []:
            if RELEASE.fullmatch(name):
                return RELEASE.fullmatch(name)[1]
    raise KernelError(f"no package {HEADERS_META} known to apt; run `apt-get update`, or name an"
                      " installed kernel with KVER=")


def newest_of(series: str, refresh: bool) -> str:
    """Return the newest release of a series: installed, in the cache, or known to apt."""
    local = [] if refresh else [name for name in here() if series_of(name) == series]
    sources = (lambda: local, lambda: known_to(host_apt()), lambda: known_to(private_apt()))
    for candidates in sources:
        fitting = [name for name in candidates() if series_of(name) == series]
        if fitting:
            return max(fitting, key=age)
    raise KernelError(unknown(series))


def here() -> list[str]:
    """Return the releases that need no download."""
    installed = [path.parent.name for path in Path("/lib/modules").glob("*/build")]
    cached = [path.parent.name for path in (cache.root() / "kernels").glob("*/image")]
    return sorted({name for name in installed + cached if PLAIN_RELEASE.fullmatch(name)}, key=age)


def known_to(apt: kernel_fetch.Apt) -> list[str]:
    """Return the plain releases that apt has both an image and headers of."""
    found = {"image": set(), "headers": set()}
    for name in apt.names(r"^linux-(image|headers)-[0-9].*-amd64$"):
        match = RELEASE.fullmatch(name)
        if match and PLAIN_RELEASE.fullmatch(match[1]):
            found[name.split("-")[1]].add(match[1])
    return sorted(found["image"] & found["headers"], key=age)


def unknown(kver: str) -> str:
    """Return the message for a KVER that nobody has, with what there is instead."""
    names = sorted({*here(), *known_to(host_apt()), *known_to(private_apt())}, key=age)
    newest = {series_of(name): name for name in names}
    return (f"KVER={kver}: no such kernel. Available series: "
            + ", ".join(f"{series} ({name})" for series, name in newest.items())
            + ". Newer lists: tests/harness/kernel.py --refresh")


def assemble(release: str) -> Kernel:
    """Return a release's parts, each installed or unpacked in the cache."""
    boot, modules = image_of(release)
    headers = headers_of(release)
    return Kernel(release=release, series=series_of(release), vmlinuz=boot / f"vmlinuz-{release}",
                  modules_dir=modules, headers_dir=headers,
                  system_map=symbols(boot / f"System.map-{release}"), kcc=compiler(headers))


def image_of(release: str) -> tuple[Path, Path]:
    """Return the boot folder and the modules folder of a release."""
    modules = Path("/lib/modules") / release
    # Other distributions keep the image readable for root only; then it is fetched like any other.
    if os.access(f"/boot/vmlinuz-{release}", os.R_OK) and (modules / "kernel").is_dir():
        return Path("/boot"), modules
    tree = cache.entry(f"kernels/{release}/image", lambda path: fetch_image(release, path))
    folders = [tree / "lib/modules" / release, tree / "usr/lib/modules" / release]
    return tree / "boot", next(path for path in folders if path.is_dir())


def headers_of(release: str) -> Path:
    """Return the folder to give to `make -C` for modules of a release."""
    installed = Path("/lib/modules") / release / "build"
    if (installed / "Makefile").exists():
        return installed.resolve()
    tree = cache.entry(f"kernels/{release}/headers", lambda path: fetch_headers(release, path))
    return tree / "usr/src" / f"linux-headers-{release}"


def providers(release: str, package: str):
    """Yield the apt roots that know a package, the host's first; a miss in all is an error."""
    tried = False
    for apt in (host_apt, private_apt):
        if apt().depends(package) is not None:
            tried = True
            yield apt()
    if not tried:
        raise KernelError(unknown(release))


def fetch_with(release: str, package: str, path: Path, choose) -> None:
    """Unpack the packages that `choose(apt)` names, from the first apt root that delivers them."""
    failure: Exception | None = None
    for apt in providers(release, package):
        try:
            kernel_fetch.unpack(apt, choose(apt), path)
            return
        except FetchError as error:  # the host's lists may be older than the mirror's content
            failure = error
            shutil.rmtree(path, ignore_errors=True)
    raise failure or FetchError(f"{package} cannot be had")


def fetch_image(release: str, path: Path) -> None:
    """Unpack the kernel image's package."""
    package = f"linux-image-{release}"
    note(f"fetching {package} (70 to 110 MB, once)")
    fetch_with(release, package, path, lambda apt: [package])


def fetch_headers(release: str, path: Path) -> None:
    """Unpack the headers' packages and make them work where they lie."""
    package = f"linux-headers-{release}"
    note(f"fetching {package} (about 12 MB, once)")
    fetch_with(release, package, path, lambda apt: kernel_fetch.header_packages(apt, release))
    kernel_fetch.relocate_headers(path)


def symbols(path: Path) -> Path | None:
    """Return a System.map that has symbols in it; Debian ships a placeholder of one line."""
    return path if path.exists() and path.stat().st_size > 4096 else None


def compiler(headers: Path) -> str | None:
    """Return the compiler that the kernel was built with, where plain gcc is another version."""
    variables = headers / ".kernelvariables"
    wanted = re.search(r"gcc-(\d+)", variables.read_text()) if variables.exists() else None
    if not wanted or not shutil.which(wanted[0]):
        return None
    plain = subprocess.run(["gcc", "-dumpversion"], text=True, capture_output=True, check=False) \
        if shutil.which("gcc") else None
    return None if plain and plain.stdout.split(".")[0].strip() == wanted[1] else wanted[0]


def note(text: str) -> None:
    """Tell the user what takes long; standard output belongs to make."""
    print(f"kernel: {text}", file=sys.stderr, flush=True)


def make_fragment(kernel: Kernel) -> str:
    """Return the kernel as make variables."""
    values = {"KVER": kernel.release, "KSERIES": kernel.series, "KDIR": kernel.headers_dir,
              "VMLINUZ": kernel.vmlinuz, "KMODDIR": kernel.modules_dir,
              "KERNEL_MAP": kernel.system_map or "", "KCC": kernel.kcc or ""}
    lines = [f"{name} := {value}".rstrip() for name, value in values.items()]
    return "\n".join(["# made by tests/harness/kernel.py --make", *lines, ""])


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="kernel.py", description=__doc__.splitlines()[0])
    parser.add_argument("--kver", help="a release or a series; default: $KVER, the metapackage's")
    parser.add_argument("--make", action="store_true", help="print a make fragment (default)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--list", action="store_true", help="print the releases that can be had")
    parser.add_argument("--refresh", action="store_true", help="look for newer packages first")
    options = parser.parse_args(arguments)
    try:
        if options.refresh:
            private_apt(refresh=True)
        if options.list:
            print("\n".join(sorted({*here(), *known_to(host_apt()), *known_to(private_apt())},
                                   key=age)))
            return 0
        kernel = resolve(options.kver, options.refresh)
    except (KernelError, FetchError) as error:
        print(f"kernel.py: {error}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(dataclasses.asdict(kernel), default=str, indent=2))
    else:
        print(make_fragment(kernel), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
