# SPDX-License-Identifier: GPL-2.0
"""The lab machine's harness without a machine: frames, kernel logs, signs of death, symbols."""

from __future__ import annotations

import os
import random
import socket
import struct
import subprocess
import threading
from pathlib import Path

import pytest
from harness import errors, symbols, watch
from harness.console import Console, tail_of
from harness.errors import ProtocolError
from harness.kmsg import KmsgRecord, check_kmsg, check_taint, parse_records, sign_of
from harness.protocol import Ans, Link, Parser, Req, encode, strings

# Recorded from our own machines: vtxprobe's damage commands, sysrq c, a broken initrd, reboot -f.
CONSOLES = Path(__file__).parent / "consoles"


# ---- frames -----------------------------------------------------------------------------------


def frames_of(data: bytes, piece: int = 1 << 20) -> list:
    parser, found = Parser(), []
    for at in range(0, len(data), piece):
        parser.feed(data[at : at + piece])
        while frame := parser.next():
            found.append(frame)
    return found


@pytest.mark.parametrize("piece", [1, 3, 17, 4096])
def test_frames_arrive_in_any_pieces(piece):
    payloads = [b"", b"x", os.urandom(5000), b"a" * 100000, b"VX" * 300]
    data = b"".join(encode(Req.PING, i, p) for i, p in enumerate(payloads))
    assert [(f.id, f.payload, f.good) for f in frames_of(data, piece)] == [
        (i, p, True) for i, p in enumerate(payloads)
    ]


def test_long_text_is_compressed():
    assert len(encode(Req.PUT, 1, b"a" * 10000)) < 200
    assert len(encode(Req.PUT, 1, os.urandom(1000))) == 1000 + 16


def test_noise_between_frames_is_skipped():
    data = b"[    0.1] noise V X\n" + encode(Ans.DONE, 1, b"one") + b"V" + encode(2, 2, b"two")
    assert [f.payload for f in frames_of(data) if f.good] == [b"one", b"two"]


def test_any_flipped_bit_is_noticed_and_the_next_frame_survives():
    clean = encode(Ans.DONE, 1, bytes(range(200)))
    after = encode(Ans.DONE, 2, b"after" * 20)
    for bit in random.Random(1).sample(range(16 * 8, len(clean) * 8), 200):
        damaged = bytearray(clean)
        damaged[bit // 8] ^= 1 << bit % 8
        good = [f for f in frames_of(bytes(damaged) + after) if f.good]
        assert [f.id for f in good] == [2]


def test_a_nul_byte_in_an_argument_is_refused():
    with pytest.raises(ProtocolError, match="NUL"):
        strings([b"a\0b"])


def body(data: bytes = b"", kmsg: bytes = b"", taint: int = 0, lost: int = 0) -> bytes:
    return struct.pack("<QII", taint, lost, len(kmsg)) + kmsg + data


class FakeAgent(threading.Thread):
    """Answers requests by a script: one entry for each frame that arrives, bytes or a function."""

    def __init__(self, *script):
        super().__init__(daemon=True)
        self.host, self.end = socket.socketpair()
        self.script = list(script)
        self.seen = []
        self.start()

    def run(self):
        parser = Parser()
        while self.script:
            parser.feed(self.end.recv(65536))
            while frame := parser.next():
                self.seen.append(frame.type)
                self.end.sendall(self.script.pop(0)(frame))


class OverrunAgent(FakeAgent):
    """Has no room for more than 16 bytes at a time, and says NAK a dozen times if it had none."""

    def run(self):
        parser, self.bursts = Parser(), 0
        while True:
            data = self.end.recv(65536)
            if not data:
                break
            if len(data) > 64:  # a loaded machine may put a few pieces together
                self.bursts += 1
                parser.reset()
                self.end.sendall(encode(Ans.NAK, 0) * 12)
                continue
            parser.feed(data)
            while frame := parser.next():
                self.end.sendall(done(frame))


def done(frame, data: bytes = b"answer") -> bytes:
    return encode(Ans.DONE, frame.id, body(data))


def damaged(frame) -> bytes:
    return done(frame)[:-1] + b"\xff"


def nak(frame) -> bytes:
    return encode(Ans.NAK, 0)


def link_to(agent: FakeAgent, patience: float = 10) -> Link:
    return Link(agent.host.fileno(), lambda silence: None, patience)


def test_a_damaged_answer_is_asked_for_again_and_the_request_is_not_repeated():
    agent = FakeAgent(damaged, lambda f: done(f, b"again"))
    assert link_to(agent).request(Req.RUN, b"x").body == b"again"
    assert agent.seen == [Req.RUN, Req.RESEND]


def test_a_request_that_arrived_damaged_is_sent_again():
    agent = FakeAgent(nak, done)
    assert link_to(agent).request(Req.RUN, b"x").body == b"answer"
    assert agent.seen == [Req.RUN, Req.RUN]


def test_a_receiver_that_is_overrun_gets_the_request_in_small_pieces():
    """It complains of each piece of damage, and a burst that it has no room for is lost."""
    agent = OverrunAgent()
    assert link_to(agent).request(Req.RUN, random.Random(1).randbytes(500)).body == b"answer"
    assert agent.bursts == 1


class PacedLink(Link):
    """Notes how long it would pause, and does not."""

    def send_slowly(self, data: bytes, pause: float) -> None:
        self.pauses = [*getattr(self, "pauses", []), pause]
        self.send(data)


def test_each_further_try_is_slower():
    """The pause is the host's time, the room in the receiver the guest's: the host may be slow."""
    agent = FakeAgent(*[nak] * 6, done)
    link = PacedLink(agent.host.fileno(), lambda silence: None)
    assert link.request(Req.RUN, b"x").body == b"answer"
    assert link.pauses == [0.01, 0.02, 0.04, 0.08, 0.16, 0.16]


def test_answers_to_other_questions_are_not_waited_for_for_ever():
    """Somebody in the machine writes frames to the agent's line, and cannot know the id."""
    forged = b"".join(encode(Ans.DONE, ident, body(b"forged")) for ident in range(100))
    agent = FakeAgent(lambda f: forged[:200] + done(f))
    assert link_to(agent).request(Req.RUN).body == b"answer"
    liar = FakeAgent(lambda f: forged)  # kept: its end of the line closes with it
    with pytest.raises(ProtocolError, match="that answer no question"):
        link_to(liar).request(Req.RUN)


def test_silence_is_broken_by_asking():
    agent = FakeAgent(lambda f: b"", done)
    assert link_to(agent, patience=0.2).request(Req.RUN).body == b"answer"
    assert agent.seen == [Req.RUN, Req.RESEND]


def test_a_late_double_of_an_older_answer_is_not_taken_for_the_new_one():
    agent = FakeAgent(lambda f: done(f) + done(f), lambda f: done(f, b"new"))
    link = link_to(agent)
    link.request(Req.PING)
    assert link.request(Req.PING).body == b"new"


def test_a_line_that_damages_everything_ends_in_an_error():
    agent = FakeAgent(*[damaged] * 20)
    with pytest.raises(ProtocolError, match="damaged"):
        link_to(agent).request(Req.PING)


def test_refusal_of_the_agent_is_told():
    agent = FakeAgent(lambda f: encode(Ans.ERROR, f.id, body(b"no such request")))
    with pytest.raises(ProtocolError, match="no such request"):
        link_to(agent).request(99)


# ---- kernel messages --------------------------------------------------------------------------


def test_records_are_parsed_with_level_facility_and_escapes():
    raw = (
        b"6,339,5140900,-;NET: Registered PF_INET6\n SUBSYSTEM=acpi\n"
        b"12,340,5140901,-;user space\\x0asaid\n4,341,7,c;warn; with semicolon\nrubbish\n"
    )
    records = parse_records(raw)
    assert [(r.level, r.facility, r.seq, r.text) for r in records] == [
        (6, 0, 339, "NET: Registered PF_INET6"),
        (4, 1, 340, "user space\nsaid"),
        (4, 0, 341, "warn; with semicolon"),
    ]


@pytest.mark.parametrize(
    "line, kind",
    [
        ("Kernel panic - not syncing: sysrq triggered crash", "panic"),
        ("BUG: kernel NULL pointer dereference, address: 0000000000000010", "oops"),
        ("Oops: 0002 [#1] PREEMPT SMP NOPTI", "oops"),
        ("general protection fault, probably for non-canonical address 0xdead: 0000", "oops"),
        ("watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [insmod:77]", "lockup"),
        ("rcu: INFO: rcu_preempt self-detected stall on CPU", "lockup"),
        ("INFO: task rmmod:88 blocked for more than 120 seconds.", "lockup"),
        ("WARNING: CPU: 0 PID: 1 at damage.c:62 probe_warn+0x11/0x1a [vtxprobe]", "warn"),
        ("BUG: sleeping function called from invalid context at mm/slab.h:1", "oops"),
        ("vtxdrv: CPU 0: VMX is off; debugging is on", None),
        ("DEBUG: nothing", None),
    ],
)
def test_signs_of_trouble(line, kind):
    assert sign_of(line) == kind


def record(level: int, text: str) -> KmsgRecord:
    return KmsgRecord(level, 1, text)


def test_check_kmsg_reports_what_is_more_severe_than_notice():
    assert check_kmsg([record(5, "notice"), record(6, "info")]) == []
    found = check_kmsg([record(4, "careful"), record(3, "bad")])
    assert found == ["level 4: careful", "level 3: bad"]


def test_check_kmsg_knows_what_every_out_of_tree_module_causes():
    assert check_kmsg([record(4, "vtxdrv: loading out-of-tree module taints kernel.")]) == []


def test_check_kmsg_allows_by_pattern_but_never_an_oops():
    oops = record(1, "BUG: kernel NULL pointer dereference, address: 0")
    assert check_kmsg([record(4, "vtxdrv: refused"), oops], allow=["refused", "BUG"]) == [
        f"oops: {oops.text}"
    ]


def test_taint_beyond_our_own_modules():
    assert check_taint(0x3000) == []
    assert check_taint(0x3280) == [
        "taint bit 7: kernel died recently (oops or BUG)",
        "taint bit 9: kernel issued a warning (WARN)",
    ]
    assert check_taint(0x3200, before=0x200) == []


# ---- console logs and how a machine ended -------------------------------------------------------


def console_of(name: str) -> Console:
    console = Console(CONSOLES / f"{name}.log")
    console.poll()
    return console


@pytest.mark.parametrize(
    "log, kind, words",
    [
        ("panic", "panic", "sysrq triggered crash"),
        ("bochs-panic", "panic", "sysrq triggered crash"),
        ("broken-initrd", "panic", "Unable to mount root fs"),
        ("oops", "oops", "kernel NULL pointer dereference"),
        ("lockup", "lockup", "self-detected stall"),
    ],
)
def test_recorded_consoles(log, kind, words):
    assert words in console_of(log).first(kind)


def test_a_reboot_is_no_trouble_but_is_noticed():
    console = console_of("reboot")
    assert not console.signs and console.restarting


def test_a_console_that_grows_byte_by_byte_is_read_the_same(tmp_path):
    whole = (CONSOLES / "oops.log").read_bytes()
    console = Console(tmp_path / "console.log")
    with console.path.open("ab") as log:
        for at in range(0, len(whole), 97):
            log.write(whole[at : at + 97])
            log.flush()
            console.poll()
    assert console.signs == console_of("oops").signs


def test_tail_of_a_large_log(tmp_path):
    log = tmp_path / "console.log"
    log.write_text("x" * 100 + "\n" * 100000 + "".join(f"\x1b[0mline {i}\r\n" for i in range(50)))
    assert tail_of(log, 2) == "line 48\nline 49"


class FakeEmulator:
    def __init__(self, console: Path, event: dict | None = None):
        self.console_log = console
        self.event = event
        self.pid = None

    def poll(self):
        return self.event


def ending(log: Path, event: dict | None, silence: float = 0.0) -> None:
    guard = watch.Watch(FakeEmulator(log, event), "tcg", log.parent)
    guard.booted()
    guard.check(silence)


@pytest.mark.parametrize(
    "log, kind, error",
    [
        ("panic", "reset", errors.Panic),
        ("panic", None, errors.Panic),
        ("broken-initrd", "triple-fault", errors.Panic),
        ("reboot", "reset", errors.Stopped),
        ("reboot", "power-off", errors.Stopped),
        ("lockup", "triple-fault", errors.TripleFault),
        ("oops", "died", errors.EmulatorDied),
    ],
)
def test_how_a_machine_ended(log, kind, error):
    event = {"kind": kind, "detail": "because"} if kind else None
    with pytest.raises(error) as raised:
        ending(CONSOLES / f"{log}.log", event)
    assert type(raised.value) is error
    assert raised.value.tail and raised.value.artefacts == CONSOLES


def test_silence_is_a_hang_only_after_the_budget(tmp_path):
    quiet = tmp_path / "console.log"
    quiet.write_text("booted\n")
    ending(quiet, None, silence=watch.CPU_BUDGET["tcg"])
    with pytest.raises(errors.Hang, match="no sign of life"):
        ending(quiet, None, silence=watch.CPU_BUDGET["tcg"] * watch.IDLE_FACTOR + 1)


def test_silence_after_an_oops_is_the_oops():
    with pytest.raises(errors.Oops, match="NULL pointer"):
        ending(CONSOLES / "oops.log", None, silence=1000)


def test_a_flood_ends_the_machine(tmp_path):
    log = tmp_path / "console.log"
    with log.open("wb") as flood:
        flood.truncate(80 << 20)
    guard = watch.Watch(FakeEmulator(log), "tcg", tmp_path)
    with pytest.raises(errors.ConsoleFlood):
        for _ in range(100):
            guard.check(0.0)


def test_messages_say_where_the_logs_are():
    error = errors.BootFailed(errors.Panic("no init", tail="a\nb", artefacts=Path("/x")))
    assert str(error).splitlines() == [
        "the lab machine did not boot: kernel panic: no init",
        "last lines of the console:",
        "    a",
        "    b",
        "logs: /x",
    ]


# ---- symbols for gdb ----------------------------------------------------------------------------


def test_symbol_file_is_an_elf_file_that_binutils_read(tmp_path):
    text = "ffffffff81000000 _text\nffffffff81000100 do_it\n0000000000000000 percpu\nrubbish\n"
    path = tmp_path / "kernel.elf"
    path.write_bytes(symbols.elf(symbols.parse(text)))
    listed = subprocess.run(["nm", "-n", path], capture_output=True, text=True, check=True).stdout
    assert listed.splitlines() == ["ffffffff81000000 T _text", "ffffffff81000100 T do_it"]
