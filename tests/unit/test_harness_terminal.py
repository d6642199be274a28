# SPDX-License-Identifier: GPL-2.0
"""An interactive session without a machine: what is lost on the line is sent again, and once."""
import os
import socket
import struct
import threading
from types import SimpleNamespace

import pytest
from harness import errors, terminal, watch
from harness.errors import ProtocolError
from harness.protocol import Ans, Link, Parser, Req, encode

STATUS = 7
LONG = 10  # seconds


class Agent(threading.Thread):
    """Has a session; what it does with each frame is the next word: take, lose, damage, mute."""

    def __init__(self, *words):
        super().__init__(daemon=True)
        self.host, self.end = socket.socketpair()
        self.words, self.typed, self.last = list(words), b"", None
        self.start()

    def run(self):
        self.end.settimeout(LONG)
        try:
            self.serve()
        except OSError:
            self.end.close()  # a session that waits for ever has lost something

    def serve(self):
        parser = Parser()
        while data := self.end.recv(65536):
            parser.feed(data)
            while frame := parser.next():
                self.end.sendall(self.answer(frame, self.words.pop(0) if self.words else "take"))

    def answer(self, frame, word):
        if word in ("lose", "damage"):
            return encode(Ans.NAK, 0) * 3 if word == "damage" else b""
        if frame.type == Req.SHELL:
            self.session = frame.id
        elif frame.id != self.last:
            self.typed += frame.payload
        self.last = frame.id
        ended = encode(Ans.DONE, self.session, struct.pack("<QIIII", 0, 0, 0, 0, STATUS))
        acknowledged = b"" if word == "mute" else encode(Ans.ACK, frame.id)
        return acknowledged + (ended if self.typed.endswith(b"\x04") else b"")


@pytest.fixture
def typed(monkeypatch):
    """Type something and the end of the file at an agent: the session's status, what it has got."""
    monkeypatch.setattr(terminal, "PATIENCE", 0.3)

    def run(agent, text):
        keys, out = os.pipe(), os.open(os.devnull, os.O_WRONLY)
        os.write(keys[1], text)
        os.close(keys[1])
        machine = SimpleNamespace(link=Link(agent.host.fileno(), lambda silence: None),
                                  emulator=SimpleNamespace(resume=lambda: None))
        try:
            return terminal.Session(machine, keys[0], out).run(), agent.typed
        finally:
            os.close(keys[0])
            os.close(out)

    return run


@pytest.mark.parametrize("words", [(), ("damage",), ("lose",), ("mute",), ("take", "damage"),
                                   ("take", "lose"), ("take", "mute"), ("take", "damage", "mute"),
                                   ("take", "take", "damage", "damage")], ids=" ".join)
def test_each_frame_arrives_once(typed, words):
    """Nothing is lost, nothing comes twice, whether request or acknowledgement went astray."""
    assert typed(Agent(*words), b"uname\n") == (STATUS, b"uname\n\x04")


def test_a_line_that_damages_everything_ends_in_an_error(typed, monkeypatch):
    """Somebody who waits is told."""
    monkeypatch.setattr(terminal, "QUIET", 0.0)
    monkeypatch.setattr(terminal, "LONGEST_PAUSE", 0.0)
    with pytest.raises(ProtocolError, match="damaged frames"):
        typed(Agent(*["damage"] * 30), b"uname\n")


def test_nothing_is_due_in_a_session(tmp_path, monkeypatch):
    """A person at a shell may think: an idle machine takes the emulator's time all the same."""
    log, spent = tmp_path / "console.log", iter(range(0, 10000, 10))
    log.write_text("booted\n")
    monkeypatch.setattr(watch.Watch, "_cpu", lambda self: float(next(spent)))
    emulator = SimpleNamespace(console_log=log, pid=None, poll=lambda: None)
    guard = watch.Watch(emulator, "bochs", tmp_path)
    guard.booted()
    for _ in range(20):
        guard.check(0.0)
    with pytest.raises(errors.Hang):
        for silence in range(1, 20):
            guard.check(float(silence))
