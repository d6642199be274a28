# SPDX-License-Identifier: GPL-2.0
"""QEMU as a lab machine: TCG for SVM and for processors without either extension, KVM for all."""

from __future__ import annotations

import contextlib
import json
import select
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from harness import initramfs
from harness.errors import AccelUnusable, LabError
from harness.spec import MachineSpec

PROGRAM = "qemu-system-x86_64"
LARGEST_FILE = 512 << 20  # the largest that an emulator writes to is Bochs's disk
MONITOR_SECONDS = 10  # for an answer of the monitor, which takes a millisecond

# cryptomgr.notests and the short list of initcalls: self-tests and caches that a lab machine does
# not need and that are slow when emulated. panic=-1 resets at once, so that a panic ends QEMU.
CMDLINE = (
    "console=ttyS0,115200 panic=-1 quiet mitigations=off cryptomgr.notests tsc=reliable "
    "random.trust_cpu=on no_timer_check "
    "initcall_blacklist=trace_eval_init,load_system_certificate_list"
)

# la57=off: five-level page tables only make every emulated page walk longer.
TCG_MODELS = {"svm": "max,la57=off", "none": "max,la57=off,svm=off"}
KVM_MODELS = {"svm": "host", "vmx": "host", "none": "host,vmx=off,svm=off"}

# What QEMU's SHUTDOWN event gives as reason, in the words of poll().
REASONS = {"guest-shutdown": "power-off", "guest-panic": "reset", "guest-reset": "reset"}


class QemuEmulator:
    """One QEMU process. No TCP port, no display; two socket pairs: agent and QMP."""

    name = "qemu"

    def __init__(self, spec: MachineSpec, workdir: Path):
        self.spec = spec
        self.workdir = Path(workdir)
        self.console_log = self.workdir / "console.log"
        self.emulator_log = self.workdir / "emulator.log"
        self.agent_fd = -1
        self.pid: int | None = None
        self.gdb_socket: str | None = None
        self._agent: socket.socket | None = None
        self._qmp: socket.socket | None = None
        self._qmp_text = b""
        self._process: subprocess.Popen | None = None
        self._reason: str | None = None
        self._socket_dir: str | None = None
        self._asked = 0
        self._answers: dict[int, Any] = {}

    # ---- start and stop -------------------------------------------------------------------

    def start(self) -> None:
        self.workdir.mkdir(parents=True, exist_ok=True)
        if not shutil.which(PROGRAM):
            raise AccelUnusable(f"{PROGRAM} is not installed", "Fix: apt install qemu-system-x86")
        self._agent, agent = socket.socketpair()
        self._qmp, qmp = socket.socketpair()
        self._qmp.setblocking(False)
        self.agent_fd = self._agent.fileno()
        argv = self.command(agent.fileno(), qmp.fileno())
        with agent, qmp, self.emulator_log.open("wb") as log:
            log.write((" ".join(argv) + "\n").encode())
            log.flush()
            self._process = subprocess.Popen(
                die_with_us() + argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(agent.fileno(), qmp.fileno()),
                start_new_session=True,  # Ctrl-C is for the person's program, not for QEMU
            )
        self.pid = self._process.pid
        self._qmp.sendall(b'{"execute": "qmp_capabilities"}\n')

    def command(self, agent_fd: int, qmp_fd: int) -> list[str]:
        spec = self.spec
        accel = spec.accel or "tcg"
        argv = [PROGRAM, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]
        argv += ["-M", "pc,hpet=off", "-m", str(spec.mem_mib), "-smp", str(spec.cpus)]
        argv += ["-accel", "kvm" if accel == "kvm" else "tcg,thread=single"]
        argv += ["-cpu", spec.cpu_model or self._model(accel), "-rtc", "base=utc,clock=vm"]
        argv += ["-kernel", str(spec.kernel.vmlinux()), "-append", self.cmdline()]
        if spec.initrd:
            argv += ["-initrd", str(initramfs.joined(spec.initrd, spec.parcel, self.workdir))]
        argv += ["-chardev", f"file,id=console,path={comma(self.console_log)}"]
        argv += ["-serial", "chardev:console"]
        argv += ["-chardev", f"socket,id=agent,fd={agent_fd}", "-serial", "chardev:agent"]
        argv += ["-chardev", f"socket,id=qmp,fd={qmp_fd}", "-mon", "chardev=qmp,mode=control"]
        if accel == "tcg":
            argv += ["-d", "cpu_reset"]  # into the emulator's log: tells a triple fault by name
        return argv + self._debug_options()

    def cmdline(self) -> str:
        extra = f" {self.spec.cmdline_extra}" if self.spec.cmdline_extra else ""
        return CMDLINE + extra

    def _model(self, accel: str) -> str:
        models = KVM_MODELS if accel == "kvm" else TCG_MODELS
        if self.spec.vendor not in models:
            raise AccelUnusable(
                f"QEMU's own emulation (tcg) has no {self.spec.vendor.upper()}",
                "Fix: VTX_ACCEL=bochs emulates VMX on every host",
            )
        return models[self.spec.vendor]

    def _debug_options(self) -> list[str]:
        if not self.spec.debug:
            return []
        # Not in workdir: a unix socket's path is limited to 107 bytes.
        self._socket_dir = tempfile.mkdtemp(prefix="vtx-gdb-")
        self.gdb_socket = f"{self._socket_dir}/gdb"
        return ["-gdb", f"unix:{self.gdb_socket},server=on,wait=off"]

    def kill(self) -> None:
        """End the process, however it feels about it. Repeating does no harm."""
        if self._process and self._process.poll() is None:
            self._process.kill()
        if self._process:
            self._process.wait()
        for end in (self._agent, self._qmp):
            if end:
                end.close()
        if self._socket_dir:
            shutil.rmtree(self._socket_dir, ignore_errors=True)
        (self.workdir / initramfs.JOINED).unlink(missing_ok=True)

    # ---- what happened --------------------------------------------------------------------

    def poll(self) -> dict | None:
        """Return None while it runs, else {"kind": power-off|reset|triple-fault|died, "detail"}."""
        self._read_events()
        if self._process is None:
            return {"kind": "died", "detail": "it was never started"}
        status = self._process.poll()
        if status is None:
            return None
        self._read_events()
        kind = REASONS.get(self._reason or "")
        if status or kind is None:
            return {"kind": "died", "detail": self._epitaph(status)}
        if kind == "reset" and self._triple_fault():
            kind = "triple-fault"
        return {"kind": kind, "detail": f"QEMU's reason: {self._reason}"}

    def _read_events(self) -> None:
        try:
            while data := self._qmp.recv(65536):
                self._qmp_text += data
        except (BlockingIOError, OSError):
            pass
        *lines, self._qmp_text = self._qmp_text.split(b"\n")
        for line in lines:
            event = json.loads(line)
            if event.get("event") == "SHUTDOWN":
                self._reason = event["data"]["reason"]
            if "id" in event:
                self._answers[event["id"]] = event.get("return")

    def monitor(self, command: str) -> str:
        """Give the monitor a command for people, such as "info registers -a"; return its text."""
        self._asked += 1
        question = {"execute": "human-monitor-command", "id": self._asked,
                    "arguments": {"command-line": command}}
        with contextlib.suppress(OSError):  # it is gone: then there is no answer either
            self._qmp.sendall(json.dumps(question).encode() + b"\n")
        end = time.monotonic() + MONITOR_SECONDS
        while self._asked not in self._answers and time.monotonic() < end:
            select.select([self._qmp], [], [], 0.1)
            self._read_events()
        answer = self._answers.pop(self._asked, None)
        if not isinstance(answer, str):
            raise LabError(f"QEMU's monitor gave no answer to {command!r}")
        return answer.replace("\r\n", "\n")

    def _triple_fault(self) -> bool:
        """TCG names it in the log. Under KVM it is a restart that the kernel did not announce."""
        from harness.console import Console

        if self.spec.accel != "kvm":
            return b"\nTriple fault" in self.emulator_log.read_bytes()
        console = Console(self.console_log)
        console.poll()
        return not console.restarting

    def _epitaph(self, status: int) -> str:
        how = f"exit status {status}" if status >= 0 else f"killed by signal {-status}"
        text = self.emulator_log.read_text(errors="replace").splitlines()[1:]
        said = [line for line in text if line.startswith((PROGRAM, "qemu"))][-3:]
        return " / ".join([how, *said])

    # ---- an idle guest costs next to nothing here, and a stopped one loses time ---------------

    def pause(self) -> None:
        """Nothing to do: QEMU sleeps while its guest does."""

    def resume(self) -> None:
        """Nothing to do, see pause()."""


def comma(path: Path) -> str:
    """QEMU's option syntax wants a comma doubled."""
    return str(path).replace(",", ",,")


def die_with_us() -> list[str]:
    """A prefix with which the process is killed when we are, whatever kills us, and cannot fill the
    disk: what runs in the machine decides how much there is to log."""
    setpriv, prlimit = shutil.which("setpriv"), shutil.which("prlimit")
    limited = [prlimit, f"--fsize={LARGEST_FILE}", "--"] if prlimit else []
    return limited + ([setpriv, "--pdeathsig", "KILL", "--"] if setpriv else [])
