# SPDX-License-Identifier: GPL-2.0
"""Bochs as a lab machine: the emulator that has VMX on every host, and SVM too.

Bochs has no -kernel option, no quiet display and no exit status that says how the guest ended.
This driver gives it a disk to boot from (bochs_image.py), a private terminal for its text display,
a pty pair for the agent's serial line, and reads its log for how it ended.
"""

from __future__ import annotations

import contextlib
import os
import pty
import re
import shutil
import signal
import subprocess
import threading
import tty
from pathlib import Path

from harness import bochs_bios, bochs_image, initramfs
from harness.bochs_debugger import Debugger
from harness.errors import AccelUnusable, LabError
from harness.qemu import die_with_us
from harness.spec import MachineSpec

PROGRAM = "bochs-bin"  # Debian's `bochs` is a shell script around it
BIOS = Path("/usr/share/bochs/BIOS-bochs-latest")
VGA_BIOS = Path("/usr/share/vgabios/vgabios.bin")

# haswell calibrates its TSC consistently; skylake_x has more features but an inflated clock. Linux
# never gets past its timer set-up on Bochs 2.7's ryzen.
MODELS = {"vmx": "corei7_haswell_4770", "svm": "trinity_apu", "none": "p4_prescott_celeron_336"}
# Other processors with VMX, on all of which Linux 6.1 and 6.12 start as quickly and a second has as
# many instructions (on skylake_x it has seventy times more); no two have the same capability MSRs.
OTHER_VMX_MODELS = ("core2_penryn_t9600", "corei5_lynnfield_750", "corei7_sandy_bridge_2600k",
                    "corei7_ivy_bridge_3770k", "broadwell_ult")
# Instructions that make an emulated second. Fewer make sleeps, delays and the serial line cheaper;
# more make the timer interrupt cheaper. A stock kernel as a nested guest wants 200 million.
IPS = 50_000_000
# Instructions that one CPU runs before the next one's turn; the most that Bochs allows.
QUANTUM = 32

# Work at boot that a lab machine has no use for: self-tests, certificates, the checks and files of
# ftrace, and BPF's type information, which is parsed when the first kernel function registers with
# it. Together they are two fifths of all instructions up to /init; unknown names do no harm.
SKIPPED_INITCALLS = (
    "load_system_certificate_list crypto_kdf108_init blake2s_mod_init jent_mod_init"
    " trace_eval_init ftrace_check_for_weak_functions tracer_init_tracefs"
    " cubictcp_register kfunc_init cpumask_kfunc_init crypto_kfunc_init bpf_kfunc_init"
    " bpf_tcp_ca_kfunc_init bpf_mptcp_kfunc_init bpf_rstat_kfunc_init bpf_fs_kfuncs_init"
    " bpf_key_sig_kfuncs_init bpf_kprobe_multi_kfuncs_init bpf_prog_test_run_init"
    " bpf_dummy_struct_ops_init"
)

# idle=halt is a must with two CPUs: with MWAIT, wake-ups get lost. panic=-1 resets at once, which
# ends the machine. init_on_alloc=0: a driver that forgets to zero memory is to be caught. lsm=:
# Debian's list without AppArmor, which compiles its policy for long. To switch that one off alone
# would bring SELinux up in its place, which no Debian machine has unless somebody asks for it.
CMDLINE = (
    "console=ttyS0,115200 panic=-1 quiet mitigations=off cryptomgr.notests rodata=off idle=halt"
    " tsc=reliable no_timer_check random.trust_cpu=on init_on_alloc=0 8250.nr_uarts=2"
    " lsm=landlock,lockdown,yama,loadpin,safesetid,integrity,tomoyo,bpf"
    " suspend.pm_test_delay=1"
    " initcall_blacklist=" + SKIPPED_INITCALLS.replace(" ", ",")
)

# Lines of Bochs's log that say how the guest ended.
ENDINGS = (
    (re.compile(r"3rd \(\d+\) exception with no resolution|shutdown status is"), "triple-fault"),
    (re.compile(r"ACPI control: soft power off"), "power-off"),
    (re.compile(r"bx_pc_system_c::Reset\((?:HARD|SOFT)WARE\) called"), "reset"),
)


class BochsEmulator:
    """One Bochs process with its disk image, terminal and serial lines."""

    name = "bochs"

    def __init__(self, spec: MachineSpec, workdir: Path) -> None:
        self.spec = spec
        self.workdir = Path(workdir).resolve()
        self.console_log = self.workdir / "console.log"
        self.emulator_log = self.workdir / "emulator.log"
        self.agent_fd = -1
        self.pid: int | None = None
        self._image = self.workdir / "disk.img"
        self._process: subprocess.Popen | None = None
        self._fds: list[int] = []
        self._screen = -1
        self._log_seen = 0
        self._ending: dict | None = None
        self._resets = 0
        self._debugger = Debugger(self.workdir)
        self._paused = False
        self._display_read = False

    def start(self) -> None:
        """Write the machine's files and start it."""
        require_packages()
        self.workdir.mkdir(parents=True, exist_ok=True)
        self._clean()
        self.emulator_log.unlink(missing_ok=True)  # an older machine's ending is not ours
        self.console_log.write_bytes(b"")
        agent_line = self._open_agent_line()
        self._write_disk()
        self._configuration().write_text(self.bochsrc(agent_line), encoding="ascii")
        self._spawn()

    def _write_disk(self) -> None:
        spec = self.spec
        bochs_image.write_image(
            self._image, vmlinux=spec.kernel.vmlinux(), vmlinuz=spec.kernel.vmlinuz,
            initrd=initramfs.joined(spec.initrd, spec.parcel, self.workdir),
            command_line=self.cmdline(), mem_mib=spec.mem_mib)
        (self.workdir / initramfs.JOINED).unlink(missing_ok=True)

    def _configuration(self) -> Path:
        return self.workdir / "bochsrc"

    def _start_options(self) -> list[str]:
        """Return what tells Bochs its machine."""
        return ["-f", "bochsrc"]

    def _environment(self) -> dict[str, str]:
        """Return the process's environment: a terminal of a fixed kind and size."""
        return {**os.environ, "TERM": "linux", "LINES": "25", "COLUMNS": "80"}

    def cmdline(self) -> str:
        """Return the kernel's command line."""
        return f"{CMDLINE} {self.spec.cmdline_extra}".strip()

    def bochsrc(self, agent_line: str) -> str:
        """Return the configuration file."""
        spec = self.spec
        bios = bochs_bios.rom(BIOS, spec.firmware, self.workdir)
        model = spec.cpu_model or MODELS[spec.vendor]
        cylinders = self._image.stat().st_size // bochs_image.CYLINDER
        return "\n".join((
            # In this order also when a saved state is restored, which tells timers by number.
            "plugin_ctrl: usb_uhci=0, gameport=0, parallel=0, speaker=0, unmapped=1, biosdev=1,"
            " extfpuirq=1, iodebug=1, serial=1",
            "display_library: term",
            f"memory: guest={spec.mem_mib}, host={spec.mem_mib}",
            # Cores of one package: Bochs tells the truth about the topology only then.
            f"cpu: model={model}, count=1:{spec.cpus}:1, ips={IPS}, quantum={QUANTUM},"
            " ignore_bad_msrs=1, reset_on_triple_fault=0",
            f"romimage: file={bios}, options=fastboot",
            f"vgaromimage: file={VGA_BIOS}",
            f"ata0-master: type=disk, mode=flat, path={self._image}, cylinders={cylinders},"
            " heads=16, spt=63",
            "boot: disk",
            f"com1: enabled=1, mode=file, dev={self.console_log}",
            f"com2: enabled=1, mode=term, dev={agent_line}",
            "clock: sync=none, time0=1",
            "sound: driver=dummy",
            "speaker: enabled=0",
            f"log: {self.emulator_log}",
            "panic: action=fatal",
            "error: action=report",
            # Bochs's handler of SIGINT logs at this level, and hangs if it interrupts the log's
            # own code. pc_system alone tells of resets.
            "info: action=ignore, pc_system=report",
            "debug: action=ignore",
            "",
        ))

    def _open_agent_line(self) -> str:
        """Open the pty pair of the agent; Bochs opens the other end by its name."""
        self.agent_fd, slave = pty.openpty()
        tty.setraw(slave)
        os.set_blocking(self.agent_fd, False)
        self._fds += [self.agent_fd, slave]  # without an open slave, reading would fail
        return os.ttyname(slave)

    def _spawn(self) -> None:
        """Start the process on a terminal of its own, which a thread keeps empty."""
        self._screen, slave = pty.openpty()
        command = die_with_us() + [PROGRAM, "-q", *self._start_options(), *self._debugger_options()]
        # The text display sleeps a millisecond in select(0) whenever a CPU idles, unless there is
        # something to read: /dev/null always is. Only the debugger needs the terminal there.
        self._process = subprocess.Popen(
            command, cwd=self.workdir, stdout=slave, stderr=slave,
            stdin=slave if self.spec.debug else subprocess.DEVNULL,
            env=self._environment(), start_new_session=True)
        os.close(slave)
        self.pid = self._process.pid
        self._fds.append(self._screen)
        threading.Thread(target=self._drain, args=(os.dup(self._screen),), daemon=True).start()

    def _debugger_options(self) -> list[str]:
        """A person's debugger reads from the terminal after "c", ours goes on reading a FIFO."""
        opt_in = ["-debugger"] if debugger_is_opt_in() else []
        if not self.spec.debug:
            return opt_in + self._debugger.open()
        (self.workdir / "debugger.rc").write_text("c\n", encoding="ascii")
        return [*opt_in, "-rc", "debugger.rc"]

    def _drain(self, screen: int) -> None:
        """Read what the debugger prints, so that Bochs never waits for a reader."""
        drain(screen, self.workdir / "screen.log")

    def _read_display(self) -> None:
        """Bochs draws on a terminal that it opens by itself, some fifty bytes a second and with
        each stop in the debugger. If nobody reads there, it waits for ever after ten minutes."""
        for terminal in own_terminals(self.pid):
            try:
                fd = os.open(terminal, os.O_RDONLY | os.O_NOCTTY)
            except OSError:
                return  # Bochs has just ended
            tty.setraw(fd)
            threading.Thread(target=drain, args=(fd, os.devnull), daemon=True).start()
            self._display_read = True

    def ask(self, *commands: str) -> str:
        """Give commands to Bochs's debugger between two instructions; return what they print.

        For example ask("set $cpu=1", "creg", 'show "cpu1.VMX"', "xp /4gx 0x1000"). The guest does
        not notice; it stands still until resume(), or runs on if it was not paused. Bochs ends at
        a command that it does not know.
        """
        if self.spec.debug:
            raise LabError("this machine's debugger belongs to a person: its spec has debug=True")
        answer = self._debugger.ask(
            commands, wake=lambda: self._signal(signal.SIGCONT), interrupt=self.interrupt,
            alive=self.runs)
        (self.pause if self._paused else self.resume)()
        return answer

    def debugger(self, command: str) -> None:
        """Give Bochs's own debugger a command: "r", "x /8gx ADDRESS", "vmexitbp", "c" …

        It listens while the machine is interrupted; its answers go to screen.log. Debian's package
        has this debugger and no gdb stub: the two exclude each other when Bochs is built.
        """
        if not self.spec.debug:
            raise LabError("this machine was not started for debugging: give its spec debug=True")
        os.write(self._screen, command.encode("ascii") + b"\n")

    def interrupt(self) -> None:
        """Stop the guest at its next instruction and let the debugger listen."""
        self._signal(signal.SIGINT)

    def runs(self) -> bool:
        """Is the process there?"""
        return self._process is not None and self._process.poll() is None

    def poll(self) -> dict | None:
        """Return None while the guest runs, else how it ended: {"kind": …, "detail": …}.

        kind: power-off, reset, triple-fault, or died (Bochs itself gave up or was killed).
        """
        if self._process is None:
            return {"kind": "died", "detail": "it was never started"}
        status = self._process.poll()
        if status is None and not self._display_read:
            self._read_display()
        self._read_log()
        if self._ending is None and status is not None:
            self._ending = {"kind": "died", "detail": self._epitaph(status)}
        return self._ending

    def _read_log(self) -> None:
        """Look for an ending in what Bochs has logged since the last call."""
        if self._ending or not self.emulator_log.exists():
            return
        with open(self.emulator_log, "rb") as log:
            log.seek(self._log_seen)
            new = log.read()
        whole = new[:new.rfind(b"\n") + 1]
        self._log_seen += len(whole)
        for line in whole.decode("utf-8", "replace").splitlines():
            self._note(line)

    def _note(self, line: str) -> None:
        for pattern, kind in ENDINGS:
            if self._ending is None and pattern.search(line):
                # Bochs resets the machine once when it starts.
                self._resets += kind == "reset"
                if kind != "reset" or self._resets > 1:
                    self._ending = {"kind": kind, "detail": line.strip()}

    def _epitaph(self, status: int) -> str:
        """Return why the process is gone, with the last thing that it complained about."""
        how = f"exit status {status}" if status >= 0 else f"killed by signal {-status}"
        # Before Bochs has read its configuration there is no log, only what it prints.
        logs = [self.emulator_log, self.workdir / "screen.log"]
        text = next((log.read_text(errors="replace") for log in logs if log.exists()), "")
        said = [line for line in text.splitlines() if re.match(r"\d+[pe]\[|>>PANIC<<", line)]
        return " / ".join([how, *said[-3:]])

    def pause(self) -> None:
        """Stop the process: an idle guest would burn a core here."""
        self._paused = True
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it run on."""
        self._paused = False
        self._debugger.go_on()
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End the process and remove what only it needs. Repeating does no harm."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
        while self._fds:
            os.close(self._fds.pop())
        self._debugger.close()
        self._clean()

    def _signal(self, number: int) -> None:
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def _clean(self) -> None:
        """Remove the image, and the lock that a killed Bochs leaves and the next one stops at."""
        for path in (self._image, self._image.with_name(self._image.name + ".lock")):
            path.unlink(missing_ok=True)


def drain(terminal: int, log: Path | str) -> None:
    """Read a terminal to its end."""
    with open(log, "wb") as file, contextlib.suppress(OSError):
        while data := os.read(terminal, 4096):
            file.write(data)
            file.flush()
    os.close(terminal)


def own_terminals(pid: int) -> list[str]:
    """Return the other ends of the pseudo-terminals that a process has opened by itself."""
    found = []
    with contextlib.suppress(OSError):  # the process may end meanwhile
        for fd in Path(f"/proc/{pid}/fd").iterdir():
            if fd.readlink().name == "ptmx":
                text = Path(f"/proc/{pid}/fdinfo/{fd.name}").read_text()
                found += [f"/dev/pts/{n}" for n in re.findall(r"^tty-index:\s*(\d+)", text, re.M)]
    return found


def debugger_is_opt_in() -> bool:
    """Tell Bochs 3.0, which has its debugger asleep, from 2.7, which always starts in it."""
    said = subprocess.run([PROGRAM, "--help"], stdin=subprocess.DEVNULL, capture_output=True,
                          check=False)
    return b" -debugger " in said.stdout + said.stderr


def require_packages() -> None:
    """Raise AccelUnusable if something of Bochs is not installed."""
    if not shutil.which(PROGRAM):
        raise AccelUnusable("Bochs is not installed", "Fix: apt install bochs bochs-term")
    for path, package in ((BIOS, "bochsbios"), (VGA_BIOS, "vgabios")):
        if not path.exists():
            raise AccelUnusable(f"{path} is missing", f"Fix: apt install {package}")
