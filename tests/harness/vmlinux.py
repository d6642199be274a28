# SPDX-License-Identifier: GPL-2.0
"""Take the ELF kernel out of a bzImage, so that no emulator has to interpret the decompressor.

Where the payload lies is said by the setup header: Linux, Documentation/arch/x86/boot.rst.
"""

from __future__ import annotations

import bz2
import lzma
import shutil
import struct
import subprocess
import zlib
from pathlib import Path

from harness import cache
from harness.errors import LabError

# Offsets in a bzImage, from the boot protocol.
SETUP_SECTS = 0x1F1
HEADER_MAGIC = 0x202
PAYLOAD_OFFSET = 0x248
PAYLOAD_LENGTH = 0x24C


class BadKernelImage(LabError):
    """The file is not a kernel image that can be decompressed."""


def decompressed(vmlinuz: Path) -> Path:
    """Return the ELF vmlinux of a packaged kernel image, from the cache if it was made before."""
    try:
        image = vmlinuz.read_bytes()
    except OSError as error:
        why = f"{vmlinuz}: {error.strerror}; make it readable (chmod a+r)"
        raise BadKernelImage(why) from error
    name = f"vmlinux/{vmlinuz.name.replace('vmlinuz', 'vmlinux')}-{cache.digest(image)}"

    def build(path: Path) -> None:
        path.write_bytes(extract(image, str(vmlinuz)))

    return cache.entry(name, build)


def extract(image: bytes, name: str = "kernel image") -> bytes:
    """Return the ELF file that the bzImage decompresses itself into."""
    if image[HEADER_MAGIC:HEADER_MAGIC + 4] != b"HdrS":
        raise BadKernelImage(f"{name}: no boot header; expected a bzImage")
    offset, length = struct.unpack_from("<II", image, PAYLOAD_OFFSET)
    start = (image[SETUP_SECTS] + 1) * 512 + offset
    payload = image[start:start + length]
    # The kernel's build appends the decompressed size to whatever the compressor wrote.
    size = struct.unpack_from("<I", payload, len(payload) - 4)[0]
    elf = _decompress(payload, name)
    if len(elf) < size or elf[:4] != b"\x7fELF":
        raise BadKernelImage(f"{name}: {len(elf)} bytes after decompression, expected an ELF file"
                             f" of {size}; the file is damaged")
    # Relocations may follow the ELF file: nothing here moves the kernel, so they do no harm.
    return elf


def _decompress(payload: bytes, name: str) -> bytes:
    """Decompress by the payload's magic number."""
    for magic, decompress in DECOMPRESSORS.items():
        if payload.startswith(magic):
            return decompress(payload)
    raise BadKernelImage(f"{name}: unknown compression, payload starts with {payload[:6].hex()}")


def _inflate(payload: bytes) -> bytes:
    """Decompress gzip."""
    return zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(payload)


def unpack_with(command: list[str], data: bytes) -> bytes:
    """Decompress through a program; bytes behind the stream make it complain, but too late."""
    if not shutil.which(command[0]):
        raise BadKernelImage(f"this kernel is packed with {command[0]}: install the package"
                             f" {command[0]}")
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          check=False).stdout


# Python's decompressor objects stop at the end of the stream and leave the size behind it alone.
DECOMPRESSORS = {
    b"\x1f\x8b": _inflate,
    b"\xfd7zXZ\x00": lambda payload: lzma.LZMADecompressor().decompress(payload),
    b"\x5d\x00\x00": lambda payload: lzma.LZMADecompressor().decompress(payload),
    b"BZh": lambda payload: bz2.BZ2Decompressor().decompress(payload),
    b"\x02\x21\x4c\x18": lambda payload: unpack_with(["lz4", "-dc"], payload[:-4]),
    b"\x28\xb5\x2f\xfd": lambda payload: unpack_with(["zstd", "-dc"], payload[:-4]),
}
