# SPDX-License-Identifier: GPL-2.0
"""What a lab machine boots from: kernel choice, initramfs, disk image, and how Bochs's end is read.

No emulator runs and nothing is downloaded here; the stage suites do both.
"""
import bz2
import gzip
import lzma
import multiprocessing
import os
import shutil
import signal
import struct
import subprocess
import time

import pytest

from harness import (bochs, bochs_image, cache, initramfs, kernel, kernel_fetch, kit, modules,
                     vmlinux)
from harness.spec import Kernel, MachineSpec

ELF = b"\x7fELF" + bytes(range(256)) * 512
SHT_PROGBITS, SHT_STRTAB = 1, 3


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Give each test a cache of its own."""
    monkeypatch.setenv("VTX_CACHE", str(tmp_path / "cache"))


def bzimage(payload):
    """Return the least of a bzImage that has its payload where the boot protocol says."""
    image = bytearray(1024)
    image[vmlinux.SETUP_SECTS] = 1
    image[vmlinux.HEADER_MAGIC:vmlinux.HEADER_MAGIC + 4] = b"HdrS"
    struct.pack_into("<II", image, vmlinux.PAYLOAD_OFFSET, 0, len(payload))
    return bytes(image) + payload + b"what follows the payload"


def packed(tool, data):
    """Return data compressed by a program."""
    if not shutil.which(tool[0]):
        pytest.skip(f"{tool[0]} is not installed")
    return subprocess.run(tool, input=data, stdout=subprocess.PIPE, check=True).stdout


@pytest.mark.parametrize("pack", [
    gzip.compress, lzma.compress, bz2.compress,
    lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    lambda data: packed(["zstd", "-qc"], data), lambda data: packed(["lz4", "-qlc"], data),
], ids=["gzip", "xz", "bzip2", "lzma", "zstd", "lz4"])
def test_a_payload_is_decompressed(pack):
    assert vmlinux.extract(bzimage(pack(ELF) + struct.pack("<I", len(ELF)))) == ELF


@pytest.mark.parametrize("image, complaint", [
    (bytes(1024), "no boot header"),
    (bzimage(b"\x00\x01\x02\x03\x04\x05\x06\x07"), "unknown compression"),
    (bzimage(gzip.compress(b"no ELF") + struct.pack("<I", 6)), "damaged"),
    (bzimage(gzip.compress(ELF) + struct.pack("<I", len(ELF) + 1)), "damaged"),
], ids=["header", "compression", "content", "size"])
def test_a_bad_kernel_image_is_named(image, complaint):
    with pytest.raises(vmlinux.BadKernelImage, match=complaint):
        vmlinux.extract(image, "vmlinuz")


def slow_build(path):
    """Build in two steps, so that a reader could see half of it."""
    path.mkdir()
    (path / "first").write_text("1")
    time.sleep(0.2)
    (path / "second").write_text(str(os.getpid()))


def use_cache(queue):
    """Report what one of several processes sees in the cache."""
    path = cache.entry("folder/thing", slow_build)
    queue.put(((path / "first").read_text(), (path / "second").read_text()))


def test_processes_side_by_side_build_once_and_see_it_whole():
    queue = multiprocessing.Queue()
    workers = [multiprocessing.Process(target=use_cache, args=(queue,)) for _ in range(6)]
    for worker in workers:
        worker.start()
    seen = {queue.get(timeout=20) for _ in workers}
    for worker in workers:
        worker.join()
    assert len(seen) == 1


def test_a_failed_build_leaves_nothing():
    def fail(path):
        path.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError):
        cache.entry("thing", fail)
    assert [path.name for path in cache.root().iterdir()] == ["lock"]


def test_what_a_killed_builder_left_goes_with_the_next():
    """A machine that was being saved is two hundred megabytes, which no prune() would look at."""
    child = multiprocessing.Process(
        target=cache.entry, args=("many/thing", lambda path: os.kill(os.getpid(), signal.SIGKILL)))
    child.start()
    child.join()
    folder = cache.root() / "many"
    assert list(folder.iterdir())
    cache.entry("many/thing", lambda path: path.write_text("whole") and None)
    assert [path.name for path in folder.iterdir()] == ["thing"]


def test_prune_keeps_what_was_used_last():
    for age, name in enumerate(("new", "old", "older")):
        path = cache.entry(f"many/{name}", lambda new: new.write_text("x") and None)
        os.utime(path, (1000 - age, 1000 - age))
    cache.prune("many", 2)
    assert sorted(path.name for path in (cache.root() / "many").iterdir()) == ["new", "old"]


def unpacked_by_busybox(archive, folder):
    """Unpack with a program that is not ours; device nodes need root and are left out."""
    folder.mkdir()
    subprocess.run(["busybox", "cpio", "-id", "init", "lab/*", "bin/*"], cwd=folder, check=True,
                   input=archive.read_bytes(), stderr=subprocess.DEVNULL)


@pytest.mark.skipif(not shutil.which("busybox"), reason="busybox is not installed")
def test_an_archive_unpacks_to_what_went_in(tmp_path):
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF whatever")
    program.chmod(0o700)
    archive = initramfs.build(b"#!/bin/sh\n", [("/lab/deep/data", b"abc"), ("lab/run", program)])
    out = tmp_path / "out"
    unpacked_by_busybox(archive, out)
    assert (out / "init").read_bytes() == b"#!/bin/sh\n"
    assert (out / "lab/deep/data").read_bytes() == b"abc"
    assert (out / "lab/deep/data").stat().st_mode & 0o777 == 0o644
    assert (out / "lab/run").stat().st_mode & 0o777 == 0o755
    assert os.readlink(out / "bin/sh") == "busybox"


def test_the_same_content_is_the_same_archive(tmp_path):
    source = tmp_path / "file"
    source.write_text("x")
    first = initramfs.build(b"i", [("a", source)], busybox=False)
    os.utime(source, (1, 1))
    assert initramfs.build(b"i", [("a", source)], busybox=False) == first
    source.write_text("y")
    assert initramfs.build(b"i", [("a", source)], busybox=False) != first


def test_a_missing_file_says_what_it_was_for(tmp_path):
    with pytest.raises(initramfs.InitramfsError, match="absent.*lab/vtxdrv.ko"):
        initramfs.build(b"i", [("lab/vtxdrv.ko", tmp_path / "absent")], busybox=False)


def module_elf(depends):
    """Return the least ELF file with a .modinfo section."""
    names = b"\0.modinfo\0.shstrtab\0"
    info = b"license=GPL\0depends=" + depends + b"\0"
    head = bytearray(64)
    struct.pack_into("<Q", head, 40, 64)
    struct.pack_into("<HHH", head, 58, 64, 3, 2)
    data = 64 + 3 * 64
    sections = struct.pack("<II4Q24x", 0, 0, 0, 0, 0, 0)
    sections += struct.pack("<II4Q24x", 1, SHT_PROGBITS, 0, 0, data, len(info))
    sections += struct.pack("<II4Q24x", 10, SHT_STRTAB, 0, 0, data + len(info), len(names))
    return bytes(head) + sections + info + names


def test_modules_come_after_what_they_depend_on(tmp_path):
    for name, depends in (("kvm-intel.ko", b"kvm"), ("irqbypass.ko", b"")):
        (tmp_path / name).write_bytes(module_elf(depends))
    (tmp_path / "kvm.ko.xz").write_bytes(lzma.compress(module_elf(b"irqbypass")))
    order = modules.load_order(tmp_path, ["kvm-intel"])
    assert list(order) == ["irqbypass", "kvm", "kvm_intel"]
    assert initramfs.all_needs(order, "kvm_intel") == ["kvm", "irqbypass"]


def test_a_module_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(modules.ModuleError, match="kvm_intle"):
        modules.load_order(tmp_path, ["kvm-intle"])


def test_zero_pages_between_content_are_left_out():
    page = b"x" * bochs_image.PAGE
    gap = bytes(bochs_image.SHORT_GAP + bochs_image.PAGE)
    parts = bochs_image.nonzero_runs(0x1000000, page + gap + page + b"y")
    assert [part.address for part in parts] == [0x1000000, 0x1000000 + len(page + gap)]
    assert all(len(part.data) % bochs_image.PAGE == 0 for part in parts)
    assert parts[1].data.rstrip(b"\0") == page + b"y"


def test_the_loader_is_a_boot_sector_that_fits():
    loader = bochs_image.loader()
    assert loader[510:512] == b"\x55\xaa"
    assert 512 < len(loader) <= bochs_image.LOADER_SECTORS * bochs_image.SECTOR


def test_boot_params_say_where_the_initramfs_and_the_command_line_are():
    header = bytearray(1024)
    header[bochs_image.HEADER_LENGTH] = 0x6A
    params = bochs_image.boot_params(bytes(header), bochs_image.Part(0x7000000, b""), 1234)
    assert struct.unpack_from("<II", params, 0x218) == (0x7000000, 1234)
    assert struct.unpack_from("<I", params, 0x228) == (bochs_image.COMMAND_LINE,)
    assert params[0x210] == 0xFF and params[0x211] & 1


def test_too_little_memory_says_how_much_is_enough():
    kernel_part = bochs_image.Part(0x1000000, bytes(bochs_image.PAGE))
    data = bytes(8 * bochs_image.MIB)
    with pytest.raises(bochs_image.ImageError, match="mem_mib=") as error:
        bochs_image.place_initrd(data, [kernel_part], 32)
    enough = int(str(error.value).rsplit("=", 1)[1])
    assert bochs_image.place_initrd(data, [kernel_part], enough).end <= enough << 20


def test_a_command_line_that_is_too_long_is_refused(tmp_path):
    with pytest.raises(bochs_image.ImageError, match="command line"):
        bochs_image.write_image(tmp_path / "x", vmlinux=tmp_path, vmlinuz=tmp_path, mem_mib=64,
                                initrd=tmp_path, command_line="x" * 3000)


def test_the_command_line_fits_with_room_for_more(tmp_path):
    line = bochs.BochsEmulator(MachineSpec(), tmp_path).cmdline()
    assert len(line) < bochs_image.COMMAND_LINE_LENGTH - 512


class FakeProcess:
    """A process that runs, or has ended with a status."""

    def __init__(self, status=None):
        self.status = status

    def poll(self):
        return self.status


START = "00000000000i[SYS   ] bx_pc_system_c::Reset(HARDWARE) called\n"


@pytest.mark.parametrize("log, status, kind", [
    (START, None, None),
    (START + "00443p[ACPI  ] >>PANIC<< ACPI control: soft power off\n", 1, "power-off"),
    (START + "0024i[SYS   ] bx_pc_system_c::Reset(SOFTWARE) called\n", None, "reset"),
    (START + "0024p[CPU0  ] >>PANIC<< exception(): 3rd (13) exception with no resolution\n", 1,
     "triple-fault"),
    (START + "0024p[HD    ] >>PANIC<< could not open disk\n", 1, "died"),
    ("", -9, "died"),
], ids=["running", "power-off", "reset", "triple-fault", "Bochs gave up", "killed"])
def test_how_a_machine_ended(tmp_path, log, status, kind):
    emulator = bochs.BochsEmulator(MachineSpec(), tmp_path)
    emulator._process = FakeProcess(status)
    emulator.emulator_log.write_text(log)
    ending = emulator.poll()
    assert (ending and ending["kind"]) == kind
    if "could not open" in log:
        assert "could not open disk" in ending["detail"]


def test_an_ending_is_not_missed_when_its_line_comes_in_two_pieces(tmp_path):
    emulator = bochs.BochsEmulator(MachineSpec(), tmp_path)
    emulator._process = FakeProcess()
    emulator.emulator_log.write_text(START + "00443p[ACPI  ] >>PANIC<< ACPI contr")
    assert emulator.poll() is None
    with open(emulator.emulator_log, "a", encoding="ascii") as log:
        log.write("ol: soft power off\n")
    assert emulator.poll()["kind"] == "power-off"


def test_what_bochs_prints_before_it_has_a_log_is_the_reason(tmp_path):
    emulator = bochs.BochsEmulator(MachineSpec(), tmp_path)
    emulator._process = FakeProcess(1)
    (tmp_path / "screen.log").write_text("0000p[  ] >>PANIC<< bochsrc:18: unknown option\n")
    assert "unknown option" in emulator.poll()["detail"]


@pytest.mark.parametrize("field", [{"vendor": "amd"}, {"accel": "qemu"}, {"cpus": 0}])
def test_a_machine_that_cannot_be_is_refused(field):
    with pytest.raises(ValueError, match=next(iter(field))):
        MachineSpec(**field)


def test_releases_are_ordered_by_number_and_by_the_hosts_own_debian(monkeypatch):
    monkeypatch.setattr(kernel_fetch, "host_version", lambda: 13)
    names = ["6.12.9+deb13-amd64", "6.12.117+deb12-amd64", "6.12.57+deb13-amd64", "6.1.0-9-amd64"]
    assert max(names, key=kernel.age) == "6.12.57+deb13-amd64"
    assert kernel.age("6.1.0-10-amd64") > kernel.age("6.1.0-9-amd64")


@pytest.mark.parametrize("name, plain", [
    ("6.1.0-56-amd64", True), ("6.12.95+deb12-amd64", True), ("6.12.90+deb12.1-amd64", True),
    ("6.1.0-56-cloud-amd64", False), ("6.12.95+deb12-rt-amd64", False), ("6.18.1", False)])
def test_series_are_made_of_plain_kernels(name, plain):
    assert bool(kernel.PLAIN_RELEASE.fullmatch(name)) == plain


class FakeApt:
    """Package lists with the given names in them."""

    what = "a made-up mirror"

    def __init__(self, *names):
        self.known = names

    def names(self, _pattern):
        return self.known

    def depends(self, package):
        return [] if package in self.known else None


def offer(monkeypatch, *releases):
    """Let apt know these releases and no other, on a Debian 12 that has none installed."""
    monkeypatch.setattr(kernel_fetch, "host_version", lambda: 12)
    names = [f"linux-{part}-{name}" for name in releases for part in ("image", "headers")]
    monkeypatch.setattr(kernel, "host_apt", lambda: FakeApt(*names))
    monkeypatch.setattr(kernel, "private_apt", FakeApt)
    monkeypatch.setattr(kernel, "here", lambda: [])


def test_a_series_is_its_newest_release(monkeypatch):
    offer(monkeypatch, "6.12.95+deb12-amd64", "6.12.117+deb12-amd64", "6.1.0-56-amd64")
    monkeypatch.setattr(kernel, "assemble", lambda release: release)
    assert kernel.resolve("6.12") == "6.12.117+deb12-amd64"


@pytest.mark.parametrize("kver", ["5.4", "6.1.0-99-amd64"])
def test_an_unknown_kernel_is_answered_with_those_that_there_are(monkeypatch, kver):
    offer(monkeypatch, "6.12.95+deb12-amd64", "6.1.0-56-amd64")
    with pytest.raises(kernel.KernelError, match=r"6\.1 \(6\.1\.0-56-amd64\).*6\.12"):
        kernel.resolve(kver)


def test_a_kver_that_is_no_version_is_explained(monkeypatch):
    offer(monkeypatch)
    with pytest.raises(kernel.KernelError, match="expected a series such as"):
        kernel.resolve("latest")


def test_headers_are_found_where_they_were_unpacked(tmp_path):
    source = tmp_path / "usr/src"
    for name, text in (("common", "all:\n\t@echo common here\n"),
                       ("amd64", "include /usr/src/linux-headers-9-common/Makefile\n")):
        (source / f"linux-headers-9-{name}").mkdir(parents=True)
        (source / f"linux-headers-9-{name}" / "Makefile").write_text(text)
    kernel_fetch.relocate_headers(tmp_path)
    said = subprocess.run(["make", "-sC", source / "linux-headers-9-amd64"], text=True,
                          capture_output=True, check=True).stdout
    assert "common here" in said


def test_a_host_takes_packages_of_its_own_release_and_of_older_ones():
    assert "trixie" not in kernel_fetch.sources(12)
    assert "bookworm-security" in kernel_fetch.sources(12)
    assert {"bookworm", "trixie-backports"} <= set(kernel_fetch.sources(13).split())


def test_the_make_fragment_names_the_kernels_parts(tmp_path):
    some = Kernel("6.1.0-56-amd64", "6.1", tmp_path / "vmlinuz", tmp_path / "modules",
                  tmp_path / "headers", None, "gcc-12")
    (tmp_path / "Makefile").write_text(kernel.make_fragment(some)
                                       + "all:\n\t@echo '$(KVER)|$(KDIR)|$(KERNEL_MAP)|$(KCC)'\n")
    said = subprocess.run(["make", "-sC", tmp_path], text=True, capture_output=True, check=True)
    assert said.stdout == f"6.1.0-56-amd64|{tmp_path}/headers||gcc-12\n"


@pytest.mark.parametrize(("kcc", "compiler"), [("gcc-12", "gcc-12"), (None, "gcc")])
def test_the_probe_is_built_by_a_compiler_that_is_here(tmp_path, monkeypatch, kcc, compiler):
    (tmp_path / "Makefile").write_text("CC = gcc-of-another-release\n"  # as in .kernelvariables
                                       "modules:\n\t@echo $(CC) >$(M)/vtxprobe.ko\n")
    some = Kernel("6.1.0-56-amd64", "6.1", tmp_path, tmp_path, tmp_path, None, kcc)
    run = kit.make
    monkeypatch.setattr(kit, "make", lambda name, argv: argv[0] == "make" and run(name, argv))
    (tmp_path / "out").mkdir()
    kit.build_probe(some, tmp_path / "out/probe.ko")
    assert (tmp_path / "out/probe.ko").read_text() == f"{compiler}\n"
