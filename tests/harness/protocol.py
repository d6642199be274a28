# SPDX-License-Identifier: GPL-2.0
"""Frames between the host and the agent (PID 1 of the lab machine), over a raw serial line.

Little endian: magic b"VX", u8 type, u8 flags, u32 id, u32 length, u32 crc32 of the payload as
sent, payload. The agent's side, and what each request carries, is in tests/harness/agent/.
"""

from __future__ import annotations

import os
import secrets
import select
import struct
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import NoReturn

from harness.errors import ProtocolError

HEADER = struct.Struct("<2sBBIII")
MAGIC = b"VX"
DEFLATED = 1
VERSION = 1
LONGEST = 64 << 20  # a longer length is a damaged header
COMPRESS_FROM = 256
CHUNK = 8 << 10  # largest piece sent at once: some seconds under Bochs
TRIES = 8
# The agent's line has a FIFO of 16 bytes, and a guest under the driver may keep its interrupts away
# for some milliseconds: what came damaged is sent again in pieces that fit, when the agent has done
# complaining of what it took for frames in it. The pause is the host's time and the FIFO is emptied
# in the guest's, so each further try pauses twice as long: a slow host is not a lost test.
PIECE, PAUSE, LONGEST_PAUSE, QUIET = 14, 0.01, 0.16, 0.1
WATCH_EVERY = 0.02  # seconds; under Bochs the bytes of an answer come one by one
MOST_STRANGE = 32  # frames with another id, of which an honest line has one now and then


class Req(IntEnum):
    PING = 1
    RUN = 2
    PUT = 3
    GET = 4
    POWER_OFF = 5
    PROBE = 6
    SHELL = 7
    INPUT = 8
    WINSIZE = 9
    HANGUP = 10
    RESEND = 11
    PARCEL = 12


class Ans(IntEnum):
    HELLO = 0x80
    DONE = 0x81
    ERROR = 0x82
    BEAT = 0x83
    OUTPUT = 0x84
    NAK = 0x85
    ACK = 0x86


@dataclass
class Frame:
    type: int
    id: int
    payload: bytes
    good: bool = True


@dataclass
class Answer:
    """What every request ends with: kernel messages since the last answer, and the body."""

    taint: int
    kmsg_lost: bool
    kmsg: bytes
    body: bytes


def encode(kind: int, ident: int, payload: bytes = b"") -> bytes:
    flags = 0
    if len(payload) > COMPRESS_FROM:
        packed = struct.pack("<I", len(payload)) + zlib.compress(payload, 6)
        if len(packed) < len(payload):
            flags, payload = DEFLATED, packed
    crc = zlib.crc32(payload)
    return HEADER.pack(MAGIC, kind, flags, ident, len(payload), crc) + payload


def strings(items: list[bytes]) -> bytes:
    """Return a counted list of terminated strings, as the agent's take_list() reads it."""
    for item in items:
        if b"\0" in item:
            raise ProtocolError(f"{item!r}: an argument cannot hold a NUL byte")
    return struct.pack("<I", len(items)) + b"".join(item + b"\0" for item in items)


class Parser:
    """Bytes in any pieces in, frames out; noise is skipped, damaged frames are marked."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def pending(self) -> int:
        return len(self._buffer)

    def reset(self) -> None:
        self._buffer.clear()

    def next(self) -> Frame | None:
        if not self._align() or len(self._buffer) < HEADER.size:
            return None
        _, kind, flags, ident, length, crc = HEADER.unpack_from(self._buffer)
        if length > LONGEST:
            del self._buffer[: len(MAGIC)]
            return Frame(kind, ident, b"", good=False)
        end = HEADER.size + length
        if len(self._buffer) < end:
            return None
        payload = bytes(self._buffer[HEADER.size : end])
        if zlib.crc32(payload) != crc:
            del self._buffer[: len(MAGIC)]  # the next frame may begin inside this one
            return Frame(kind, ident, b"", good=False)
        del self._buffer[:end]
        return self._unpack(kind, flags, ident, payload)

    def _align(self) -> bool:
        start = self._buffer.find(MAGIC)
        if start < 0:
            del self._buffer[: max(0, len(self._buffer) - 1)]
            return False
        del self._buffer[:start]
        return True

    @staticmethod
    def _unpack(kind: int, flags: int, ident: int, payload: bytes) -> Frame:
        if not flags & DEFLATED:
            return Frame(kind, ident, payload)
        try:
            return Frame(kind, ident, zlib.decompress(payload[4:]))
        except zlib.error:
            return Frame(kind, ident, b"", good=False)


def parse_answer(payload: bytes) -> Answer:
    head = struct.Struct("<QII")
    if len(payload) < head.size:
        raise ProtocolError(f"answer of {len(payload)} bytes, expected at least {head.size}")
    taint, flags, length = head.unpack_from(payload)
    end = head.size + length
    return Answer(taint, bool(flags & 1), payload[head.size : end], payload[end:])


class Link:
    """The host's end of the line. `watch(silence)` is called while waiting and may raise."""

    def __init__(self, fd: int, watch: Callable[[float], None], patience: float = 10.0):
        self.fd = fd
        self._watch = watch
        self._patience = patience  # wall seconds of silence before asking again; harmless
        self._parser = Parser()
        self._heard = time.monotonic()
        self._watched = 0.0
        os.set_blocking(fd, False)

    def send(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            _, writable, _ = select.select([], [self.fd], [], 0.2)
            if not writable:
                self._watch(time.monotonic() - self._heard)
                continue
            broken = None
            try:
                view = view[os.write(self.fd, view) :]
            except BlockingIOError:
                continue
            except OSError as error:
                broken = error
            if broken:
                self._gone(broken)

    def send_slowly(self, data: bytes, pause: float) -> None:
        """Send so little at a time that it cannot overrun the receiver."""
        for start in range(0, len(data), PIECE):
            self.send(data[start:start + PIECE])
            time.sleep(pause)

    def _gone(self, error: OSError) -> NoReturn:
        """The line broke: give the watch a moment to find out why, which is the better message."""
        for _ in range(20):
            self._watch(0.0)
            time.sleep(0.1)
        raise ProtocolError(f"the serial line broke ({error}) and the emulator still runs")

    def _fill(self, wait: float) -> bool:
        readable, _, _ = select.select([self.fd], [], [], wait)
        if not readable:
            return False
        broken = OSError("end of file")
        try:
            data = os.read(self.fd, 1 << 16)
        except BlockingIOError:
            return False
        except OSError as error:
            data, broken = b"", error
        if not data:
            self._gone(broken)
        self._parser.feed(data)
        self._heard = time.monotonic()
        return True

    def receive(self, wait: float = 0.1, idle: bool = False) -> Frame | None:
        """Return the next frame, or None if there is none within `wait` seconds.

        With `idle` nothing is due, so that silence is no sign of a hang.
        """
        frame = self._parser.next()
        if frame is None and self._fill(wait):
            frame = self._parser.next()
        now = time.monotonic()
        if frame is None and now - self._watched > WATCH_EVERY:
            self._watched = now
            self._watch(0.0 if idle else now - self._heard)
        return frame

    def hello(self) -> dict[str, str]:
        """Wait for the agent's first words and return them."""
        self._heard = time.monotonic()
        while True:
            frame = self.receive()
            if frame and frame.good and frame.type == Ans.HELLO:
                words = dict(w.split("=", 1) for w in frame.payload.decode().split())
                if words.get("protocol") != str(VERSION):
                    raise ProtocolError(f"agent speaks protocol {words}, expected {VERSION}")
                return words

    def new_id(self) -> int:
        """Return an id that nobody inside the machine can guess: whoever writes to the agent's
        line as well does not answer in its place."""
        return secrets.randbits(32)

    def silence(self) -> float:
        """Seconds since the last byte."""
        return time.monotonic() - self._heard

    def restart_silence(self) -> None:
        """Call this when the machine was stopped for a while by our own wish."""
        self._heard = time.monotonic()

    def request(self, kind: int, payload: bytes = b"") -> Answer:
        """Send one request and return its answer; damage on the line is repaired underneath."""
        ident = self.new_id()
        data = encode(kind, ident, payload)
        self.restart_silence()
        self.send(data)
        return self._await(ident, data)

    def _await(self, ident: int, data: bytes) -> Answer:
        tries, strange, asked, owed = 0, 0, time.monotonic(), False
        while tries < TRIES and strange < MOST_STRANGE:
            frame = self.receive()
            if owed and frame is None and time.monotonic() - self._heard > QUIET:
                self.send_slowly(data, min(PAUSE * 2 ** (tries - 1), LONGEST_PAUSE))
                asked, owed = time.monotonic(), False
            elif frame is None:
                silent = time.monotonic() - max(self._heard, asked)
                if silent > self._patience:
                    self._parser.reset()
                    self.send(encode(Req.RESEND, ident))
                    asked = time.monotonic()
            elif not frame.good:
                tries += 1
                self.send(encode(Req.RESEND, ident))
            elif frame.type == Ans.NAK:
                tries += not owed
                owed = True
            elif frame.id == ident and frame.type in (Ans.DONE, Ans.ERROR):
                return self._finish(frame)
            else:
                strange += frame.id != ident
        raise ProtocolError(f"{tries} damaged frames and {strange} that answer no question came"
                            " before the answer; giving up")

    @staticmethod
    def _finish(frame: Frame) -> Answer:
        answer = parse_answer(frame.payload)
        if frame.type == Ans.ERROR:
            raise ProtocolError(f"the agent refused: {answer.body.decode(errors='replace')}")
        return answer
