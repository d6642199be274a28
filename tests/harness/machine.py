# SPDX-License-Identifier: GPL-2.0
"""One lab machine: boot it, run commands in it, and learn in which way it died."""

from __future__ import annotations

import dataclasses
import errno
import os
import struct
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NoReturn

from harness import accel as accelerators
from harness.errors import BootFailed, EmulatorDied, LabError, MachineError, ProtocolError
from harness.evidence import Outside
from harness.kmsg import KmsgRecord, parse_records
from harness.protocol import CHUNK, Answer, Link, Req, strings
from harness.spec import MachineSpec
from harness.watch import Watch

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin:/lab", "HOME": "/root", "LANG": "C"}
NOBODY = 65534
OUTPUT_CAP = 256 << 10
GET_PIECE = 64 << 10
SEED_BYTES = 64
UNPACK = "cpio -idu </run/parcel.cpio 2>/dev/null && rm /run/parcel.cpio"
OFF_SECONDS = 60  # from the request to the end of the emulator, before it is killed


class ProbeError(LabError):
    """/dev/vtxprobe refused the question (the machine is fine)."""


@dataclass
class Result:
    """What a command in the guest left behind. status < 0: killed by that signal."""

    status: int
    stdout: bytes
    stderr: bytes
    kmsg: list[KmsgRecord] = field(default_factory=list)
    timed_out: bool = False
    truncated: bool = False  # more output than the cap; the rest was thrown away
    stuck: bool = False  # survived SIGKILL: it waits inside the kernel
    stack: str = ""  # of a stuck process: where
    pid: int = 0
    guest_seconds: float = 0.0
    argv: tuple[str, ...] = ()

    @property
    def out(self) -> str:
        return self.stdout.decode("utf-8", "replace")

    @property
    def err(self) -> str:
        return self.stderr.decode("utf-8", "replace")

    def __str__(self) -> str:
        how = f"status {self.status}"
        how += " (timed out)" if self.timed_out else ""
        how += " (stuck in the kernel)" if self.stuck else ""
        return f"{' '.join(self.argv)}: {how}\n{self.out}{self.err}{self.stack}".rstrip()


class Machine:
    """A booted machine. Made by Machine.boot(); usable as a context manager."""

    def __init__(self, spec: MachineSpec, emulator, artefacts: Path):
        self.spec = spec
        self.emulator = emulator
        self.artefacts = artefacts
        self.failure: MachineError | None = None
        self.records: list[KmsgRecord] = []  # every kernel message since the agent came up
        self.kmsg_lost = False
        self.taint = 0
        self.agent: dict[str, str] = {}
        self.ready_seconds = 0.0
        self._closed = False
        self._watch = Watch(emulator, spec.accel, artefacts, patient=spec.debug)
        self._link = Link(emulator.agent_fd, self._observe)
        self._log = (artefacts / "commands.log").open("a", encoding="utf-8")

    # ---- life -----------------------------------------------------------------------------

    @classmethod
    def boot(cls, spec: MachineSpec, artefacts: Path) -> Machine:
        """Start the emulator and wait for the agent.

        Raises AccelUnusable, EmulatorDied, or BootFailed whose .cause is Panic, Hang, …
        """
        artefacts = Path(artefacts).resolve()
        artefacts.mkdir(parents=True, exist_ok=True)
        for old in ("console.log", "emulator.log"):
            (artefacts / old).unlink(missing_ok=True)  # the end of an older run is not ours
        spec = dataclasses.replace(spec, accel=accelerators.choose(spec.vendor, spec.accel))
        if machine := cls._restore(spec, artefacts):
            return machine
        return cls.start(spec, accelerators.emulator_class(spec.accel)(spec, artefacts), artefacts)

    @classmethod
    def _restore(cls, spec: MachineSpec, artefacts: Path) -> Machine | None:
        """Begin where another boot ended, see bochs_saved.py; None: that did not work, so boot."""
        from harness import bochs_saved

        saved = bochs_saved.state(spec, cls.start)
        if saved is None:
            return None
        try:
            emulator = bochs_saved.RestoredBochs(spec, artefacts, saved)
            return cls.start(spec, emulator, artefacts)
        except (LabError, OSError):
            bochs_saved.forget(saved)
            return None

    @classmethod
    def start(cls, spec: MachineSpec, emulator, artefacts: Path) -> Machine:
        """The second half of boot(), for a caller that has chosen the emulator itself."""
        started = time.monotonic()
        try:
            emulator.start()
            machine = cls(spec, emulator, artefacts)
            machine._greet(started)
        except BaseException:
            emulator.kill()
            raise
        return machine

    def _greet(self, started: float) -> None:
        try:
            self._meet()
            self.ready_seconds = time.monotonic() - started
        except EmulatorDied:
            raise
        except MachineError as error:
            raise BootFailed(error) from error
        if int(self.agent["cpus"]) != self.spec.cpus:
            seen = f"{self.agent['cpus']} of {self.spec.cpus} CPUs came up"
            raise BootFailed(
                detail=seen, tail=self._watch.console.tail(), artefacts=self.artefacts
            )
        if (code := int(self.agent.get("probe", "0"))) != 0:
            raise BootFailed(detail=f"vtxprobe.ko cannot be loaded: {os.strerror(code)}",
                             tail=self._watch.console.tail(), artefacts=self.artefacts)
        self._note(f"# ready after {self.ready_seconds:.2f} s: {self.agent}\n")

    def _meet(self) -> None:
        """Wait for the agent's first words; a restored one has said them long ago."""
        saved = getattr(self.emulator, "agent", None)
        self.agent = saved or self._link.hello()
        if saved:
            self._watch.restored()
            self._take_over(self.emulator.parcel_size)
        self._watch.booted()
        self._request(Req.PING)

    def _take_over(self, parcel_size: int) -> None:
        """Give a restored machine what a booted one has: its files, the time, its own numbers."""
        head = struct.pack("<IQ", parcel_size, time.time_ns() // 1000)
        self._errno(self._request(Req.PARCEL, head + os.urandom(SEED_BYTES)), "the parcel")
        unpacked = self.sh(UNPACK)
        if unpacked.status:
            raise BootFailed(detail=f"the stage's files could not be unpacked: {unpacked}")

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, *_) -> None:
        self.power_off()

    def power_off(self) -> bool:
        """Switch it off; True if it went the regular way. Never raises, repeating does no harm."""
        if self._closed:
            return True
        clean = False
        if self.failure is None:
            try:
                self._request(Req.POWER_OFF)
                clean = self._await_end()
            except (LabError, OSError):
                clean = self._await_end()  # the answer may be lost; the switch-off is what counts
        self.kill()
        return clean

    def _await_end(self) -> bool:
        self.emulator.resume()
        deadline = time.monotonic() + OFF_SECONDS
        while time.monotonic() < deadline:
            event = self.emulator.poll()
            if event:
                return event["kind"] == "power-off"
            time.sleep(0.02)
        return False

    def kill(self) -> None:
        if not self._closed:
            self._closed = True
            self.emulator.kill()
            self._log.close()

    @property
    def alive(self) -> bool:
        return self.failure is None and not self._closed

    # ---- one exchange with the agent ----------------------------------------------------------

    def _observe(self, silence: float) -> None:
        try:
            self._watch.check(silence)
        except MachineError as error:
            self._fail(error)

    def _fail(self, error: MachineError) -> NoReturn:
        self.failure = error
        self._note(f"# {error}\n")
        self.kill()
        raise error

    def _request(self, kind: Req, payload: bytes = b"") -> Answer:
        if self.failure is not None:
            raise self.failure
        if self._closed:
            raise LabError("this lab machine is switched off")
        self.emulator.resume()
        self._watch.begin()
        answer = self._link.request(kind, payload)
        if kind != Req.POWER_OFF:
            self.emulator.pause()
        self._take(answer)
        return answer

    def _take(self, answer: Answer) -> None:
        answer_records = parse_records(answer.kmsg)
        self.records += answer_records
        self.kmsg_lost |= answer.kmsg_lost
        self.taint = answer.taint
        for record in answer_records:
            self._note(f"  kernel {record}\n")

    def _note(self, text: str) -> None:
        if not self._log.closed:
            self._log.write(text)
            self._log.flush()

    # ---- what people use ------------------------------------------------------------------

    def run(
        self,
        argv: list[str],
        timeout: float = 30,
        stdin: bytes = b"",
        env: dict[str, str] | None = None,
        cwd: str = "/",
        user: int | str = 0,
        cap: int = OUTPUT_CAP,
    ) -> Result:
        """Run a program without a shell. `timeout` in seconds of the guest's clock."""
        argv = [os.fspath(a) for a in argv]
        if len(stdin) > CHUNK:
            return self._run_from_file(argv, stdin, timeout, env, cwd, user, cap)
        uid = NOBODY if user == "nobody" else int(user)
        payload = struct.pack("<IIII", round(timeout * 1000), uid, uid, cap)
        payload += os.fsencode(cwd) + b"\0" + strings([os.fsencode(a) for a in argv])
        variables = {**ENVIRONMENT, **(env or {})}
        payload += strings([f"{k}={v}".encode() for k, v in variables.items()]) + stdin
        self._note(f"$ {' '.join(argv)}\n")
        before = len(self.records)
        result = self._result(self._request(Req.RUN, payload).body)
        result.argv, result.kmsg = tuple(argv), self.records[before:]
        if result.stuck:
            result.stack = self._stack(result.pid)
        self._note(transcript(result))
        return result

    def _run_from_file(self, argv: list[str], stdin: bytes, *rest) -> Result:
        timeout, env, cwd, user, cap = rest
        path = f"/tmp/.stdin-{self._link.new_id()}"
        self.put(path, stdin)
        shell = ["/bin/sh", "-c", 'exec "$@" <"$0"', path, *argv]
        result = self.run(shell, timeout, b"", env, cwd, user, cap)
        result.argv = tuple(argv)
        self.run(["rm", "-f", path])
        return result

    @staticmethod
    def _result(body: bytes) -> Result:
        head = struct.Struct("<iIIIII")
        if len(body) < head.size:
            raise ProtocolError(f"a result of {len(body)} bytes, expected at least {head.size}")
        status, flags, pid, ms, out, err = head.unpack_from(body)
        middle, end = head.size + out, head.size + out + err
        return Result(
            status=status,
            stdout=body[head.size : middle],
            stderr=body[middle:end],
            timed_out=bool(flags & 1),
            truncated=bool(flags & 6),
            stuck=bool(flags & 8),
            pid=pid,
            guest_seconds=ms / 1000,
        )

    def _stack(self, pid: int) -> str:
        try:
            return f"stuck in the kernel:\n{self.get(f'/proc/{pid}/stack').decode()}"
        except (OSError, LabError):
            return "stuck in the kernel, and its stack cannot be read\n"

    def sh(self, script: str, **how) -> Result:
        """Run a line of shell."""
        return self.run(["/bin/sh", "-c", script], **how)

    def put(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """Write a file; directories on the way are made."""
        self._note(f"put {path} ({len(data)} bytes)\n")
        for offset in range(0, max(len(data), 1), CHUNK):
            head = struct.pack("<QI", offset, mode) + os.fsencode(path) + b"\0"
            self._errno(self._request(Req.PUT, head + data[offset : offset + CHUNK]), path)

    def get(self, path: str) -> bytes:
        """Read a file of any size, also one of /proc or /sys."""
        self._note(f"get {path}\n")
        data = b""
        while True:
            head = struct.pack("<QI", len(data), GET_PIECE) + os.fsencode(path) + b"\0"
            piece = self._errno(self._request(Req.GET, head), path)
            if not piece:
                return data
            data += piece

    def probe(self, *words: object) -> str:
        """Ask vtxprobe, for example probe("cr4", 1); the answer is its line without the end."""
        line = " ".join(str(word) for word in words)
        answer = self._request(Req.PROBE, line.encode() + b"\0")
        code, body = errno_of(answer)
        text = body.decode("utf-8", "replace").strip()
        self._note(f"probe {line} -> {os.strerror(code) if code else text}\n")
        if code:
            hint = ": vtxprobe.ko is not loaded" if code in (errno.ENOENT, errno.ENODEV) else ""
            raise ProbeError(f"vtxprobe {line!r}: {os.strerror(code)}{hint}")
        return text

    def ping(self) -> None:
        self._request(Req.PING)

    @staticmethod
    def _errno(answer: Answer, path: str) -> bytes:
        code, body = errno_of(answer)
        if code:
            raise OSError(code, os.strerror(code), f"{path} (in the lab machine)")
        return body

    @cached_property
    def outside(self) -> Outside:
        """What the emulator sees of this machine, whatever runs in it."""
        return Outside(self.emulator, self.ping)

    # ---- for the interactive shell ----------------------------------------------------------

    @property
    def link(self) -> Link:
        return self._link

    def console_tail(self, lines: int = 45) -> str:
        return self._watch.console.tail(lines)


def errno_of(answer: Answer) -> tuple[int, bytes]:
    """Take an answer apart that begins with an error number; it may not be the agent's."""
    if len(answer.body) < 4:
        raise ProtocolError(f"an answer of {len(answer.body)} bytes, expected an error number")
    return struct.unpack_from("<i", answer.body)[0], answer.body[4:]


def transcript(result: Result) -> str:
    """Return what commands.log keeps of a command."""
    lines = [f"  status {result.status}, {result.guest_seconds:.2f} guest seconds"]
    if result.timed_out or result.truncated or result.stuck:
        lines[0] += f", timed_out={result.timed_out} truncated={result.truncated}"
        lines[0] += f" stuck={result.stuck}"
    for name, text in (("out", result.out), ("err", result.err)):
        lines += [f"  {name} {line}" for line in text[:8192].splitlines()]
    return "\n".join(lines) + "\n"
