# SPDX-License-Identifier: GPL-2.0
"""The grader's own guests: they assemble, are loaded where they belong, and nobody knows them."""

import random
import subprocess

import pytest

from harness import guests, kit
from harness.guests import GuestError

ON_HOST = """
int main(void)
{{
	unsigned long value = {value}UL;

	asm volatile("{text}" : "+a"(value) : : "rdx", "cc");
	return value == {expected}UL ? 0 : 1;
}}
"""


def test_an_image_is_flat_and_begins_with_its_first_line():
    assert guests.code("nop; hlt") == b"\x90\xf4"
    assert guests.code("mov $later, %eax; later: nop")[:5] == b"\xb8\x05\x00\x01\x00"


def test_a_mistake_is_ours_and_told():
    with pytest.raises(GuestError, match="no such instruction"):
        guests.code("jump nowhere")


def test_every_guest_assembles():
    image, values = guests.keep(random.Random(1))
    assert len(values) == 16 and values[15].to_bytes(8, "little") in image
    assert b"\x0f\x01\xc1" in image  # VMCALL
    assert b"\x0f\x01\xc1" not in guests.keep(random.Random(1), quiet=True)[0]
    assert guests.answer(random.Random(1))[0].endswith(b"0x................\n")
    assert guests.spin(random.Random(1))[0] != guests.spin(random.Random(2))[0]


@pytest.mark.parametrize("seed", range(6))
def test_a_secret_does_on_a_processor_what_it_does_here(seed, tmp_path):
    rng = random.Random(seed)
    text, function = guests.secret(rng)
    value = rng.getrandbits(64)
    source = tmp_path / "secret.c"
    source.write_text(ON_HOST.format(value=value, text=text.replace("%", "%%"),
                                     expected=function(value)), encoding="ascii")
    subprocess.run(["gcc", "-o", tmp_path / "secret", source], check=True)
    assert subprocess.run([tmp_path / "secret"], check=False).returncode == 0


def test_a_stages_guests_come_with_it(tmp_path):
    (tmp_path / "guest").mkdir()
    for name in ("vtxdrv.ko", "vtxctl", "guest/hello.bin", "guest/hello.S"):
        (tmp_path / name).write_text(name, encoding="ascii")
    found = dict(kit.stage_files(tmp_path))
    assert found["lab/guest/hello.bin"] == tmp_path / "guest/hello.bin"
    assert set(found) == {"lab/vtxdrv.ko", "bin/vtxctl", "lab/guest/hello.bin"}
