# SPDX-License-Identifier: GPL-2.0
"""vtxctl run on the host, with a driver made of paper (fake_driver.c): what it makes of each answer
of the driver, and of a guest that means harm. That guests run is the lab machine's to show.
"""
import errno
import json
import os
import signal
import subprocess
import time

import pytest

from unit import host_build

LOAD = 0x10000
MIB = 1 << 20
USABLE = 16 * MIB - 5 * 4096
TEXT = b"text of a guest\n"
LATE = 10  # seconds: for a host that does much else
WRITE, EXIT = 2, 0

pytestmark = pytest.mark.xdist_group("fake-driver")


@pytest.fixture(name="vtxctl", scope="module")
def fixture_vtxctl(tmp_path_factory):
    """vtxctl of stage 4 on the fake driver, with the sanitizers."""
    return host_build.on_fake_driver(tmp_path_factory, 4)


@pytest.fixture(name="run")
def fixture_run(vtxctl, tmp_path):
    """run(script, *options) -> the finished process."""
    image = tmp_path / "made up.bin"
    image.write_bytes(TEXT)

    def start(script, *options, guest=image, to=None, **variables):
        (tmp_path / "script").write_text("\n".join(script) + "\n")
        return subprocess.Popen(
            [vtxctl, "run", guest, *options], stderr=subprocess.PIPE,
            stdout=open(to, "wb") if to else subprocess.PIPE,
            env=os.environ | {"FAKE_SCRIPT": str(tmp_path / "script"), "VTX_GUESTS": str(tmp_path)}
            | {key: str(value) for key, value in variables.items()})

    def finish(*args, **how):
        process = start(*args, **how)
        process.out, process.err = (data.decode("latin-1") for data in process.communicate(
            timeout=6 * LATE))
        return process
    finish.start = start
    return finish


def call(number, *args, vcpu=0):
    """A line of the script: a hypercall."""
    return f"{vcpu} hypercall {number} {' '.join(map(str, args))}"


def object_of(done):
    """The object of --json."""
    return json.loads(done.out.encode("latin-1"))


def answers(done):
    """What the guest got as answers."""
    return [int(line.split()[2]) for line in done.err.splitlines() if line.startswith("answer")]


def test_output_and_status(run):
    """The guest's output and nothing else is on stdout; its status is that of vtxctl."""
    done = run([call(WRITE, LOAD, len(TEXT)), call(1, 0x1ff), call(1, 0x21), call(EXIT, 42)])
    assert (done.returncode, done.out) == (42, TEXT.decode() + "\xff!")
    assert answers(done) == [len(TEXT), 0, 0]


@pytest.mark.parametrize("status, expected", [(0, 0), (255, 255), (256, 255), (-1, 255)])
def test_statuses(run, status, expected):
    """256 is not 0."""
    done = run([call(EXIT, status)])
    assert done.returncode == expected
    assert ("more than an exit status" in done.err) == (status not in (0, 255))


@pytest.mark.parametrize("address, length, written", [
    (USABLE, 1, 0), (USABLE - 1, 1, 1), (USABLE - 3, 100, 3), (16 * MIB, 1, 0), (-1, 5, 0),
    (USABLE - 2, -1, 2), (LOAD, 0, 0), (1 << 63, 1 << 63, 0),
])
def test_write_stays_in_guest_memory(run, address, length, written):
    """Whatever a guest says, it gets its own memory printed and no more."""
    done = run([call(WRITE, address, length), call(EXIT, 0)])
    assert done.returncode == 0, done.err
    assert (len(done.out), answers(done)) == (written, [written])


def test_other_calls(run):
    """argument, vcpus, and numbers that nobody knows."""
    done = run([call(3, 0), call(3, 1), call(4), call(5), call(-1), call(EXIT, 0)],
               "--arg", "0x1122334455667788", "--vcpus", "3")
    assert answers(done) == [0x1122334455667788, -1, 3, -1, -1]


@pytest.mark.parametrize("line, words", [
    ("0 exception 14 2 0x10", ("#PF page fault", "write to 0x10", "null pointer")),
    (f"0 exception 14 3 {USABLE}", ("page tables", "may read but not write")),
    ("0 exception 14 0 0x100000000", ("memory ends at 0x1000000",)),
    ("0 exception 6 0 0", ("#UD",)), ("0 triple", ("triple fault", "IDT")),
    ("0 cr", ("control-register access", "may not change")), ("0 unhandled", ("RDMSR", "dmesg")),
    ("0 entry 7", ("vCPU 0 did not get into the guest", "VM-instruction error 7")),
])
def test_crashes(run, line, words):
    """126, and what happened in words, with registers and code."""
    done = run([line])
    assert done.returncode == 126
    for word in words:
        assert word in done.err, f"{word!r} is not in\n{done.err}"
    if "entry" not in line:
        assert "code at RIP 0x10000: 74 65 78 74 20" in done.err and "RSP 0x" in done.err
    assert done.out == ""


@pytest.mark.parametrize("number, words", [
    (errno.EBUSY, "busy"), (errno.EIO, "Input/output"), (errno.ENOSYS, "exercise"),
])
def test_driver_refuses_to_run(run, number, words):
    """125 and the reason, also with --json."""
    for options in ([], ["--json"]):
        done = run([f"0 errno {number}"], *options)
        assert done.returncode == 125 and words in done.err
    assert object_of(done)["end"] == "refused"
    done = run(["0 shutdown"])
    assert done.returncode == 125 and "left VMX operation" in done.err


@pytest.mark.parametrize("variable, number, words", [
    ("FAKE_CREATE", errno.EFBIG, "above the limit"), ("FAKE_CREATE", errno.ENOMEM, "no memory"),
    ("FAKE_CREATE", errno.EBUSY, "another hypervisor"), ("FAKE_INIT", errno.EINVAL, "exercise 4.1"),
    ("FAKE_INIT", errno.ENOSYS, "exercise"), ("FAKE_INIT", errno.ESHUTDOWN, "VMX operation"),
])
def test_driver_refuses_to_begin(run, variable, number, words):
    """125 and the reason."""
    done = run([], **{variable: number})
    assert done.returncode == 125 and words in done.err, done.err


def test_interrupted_calls_go_on(run):
    """EINTR is no end."""
    assert run([f"0 errno {errno.EINTR}", call(EXIT, 3)]).returncode == 3


def test_timeout(run):
    """The time is over: 124, and not before."""
    begin = time.monotonic()
    done = run([], "--timeout", "0.3", "--vcpus", "2")
    assert done.returncode == 124 and "0.3 s" in done.err
    assert 0.3 <= time.monotonic() - begin < LATE


def test_timeout_of_a_guest_that_always_exits(run):
    """Also one that never runs long, but comes back for ever."""
    lines = ["0 cpuid"] * 4000
    assert run(lines, "--timeout", "0.2").returncode == 124


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals(run, number):
    """A signal ends all vCPUs, in order: with a report, and a status that says which."""
    before = signal.signal(number, signal.SIG_DFL)  # we may be somebody's background job
    try:
        process = run.start([call(1, 0x2a)], "--vcpus", "4")
    finally:
        signal.signal(number, before)
    assert process.stdout.read(1) == b"*"
    process.send_signal(number)
    _, err = process.communicate(timeout=LATE)
    assert process.returncode == 128 + number
    assert b"stopped by a signal" in err and b"vCPU 3" in err


def test_a_signal_that_is_ignored(run):
    """What a shell's background job ignores is none of ours either."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = run.start([call(1, 0x2a)], "--timeout", "0.5")
    finally:
        signal.signal(signal.SIGINT, before)
    assert process.stdout.read(1) == b"*"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=LATE)
    assert process.returncode == 124


def test_dump(run, tmp_path):
    """The file is in the format of vtxctl dump; one that cannot be written is an error."""
    path = tmp_path / "dump.json"
    assert run([call(EXIT, 0)], "--dump", path).returncode == 0
    assert {"vendor", "vm", "vcpu", "facts", "fields", "absent"} <= json.loads(
        path.read_text()).keys()
    done = run([call(EXIT, 0)], "--dump", tmp_path / "no" / "dump.json")
    assert done.returncode == 125 and "--dump" in done.err


def test_exit_of_one_ends_all(run):
    """The others are called back from the driver."""
    done = run([call(EXIT, 9, vcpu=2)], "--vcpus", "5")
    assert done.returncode == 9


def test_halt(run):
    """HLT ends a vCPU, and that of the last one the guest; exit counts more."""
    done = run(["0 hlt", "1 hlt"], "--vcpus", "2")
    assert done.returncode == 0 and "halted" in done.err
    done = run(["0 hlt", call(EXIT, 5, vcpu=1)], "--vcpus", "2")
    assert done.returncode == 5 and "halted" not in done.err


def test_json(run):
    """One object, with the output in it byte for byte."""
    done = run([call(1, 0xe9), call(1, 0), call(WRITE, LOAD, 4), "0 cpuid", call(EXIT, 7)],
               "--json", "--stats")
    answer = object_of(done)
    assert answer["output"] == "\xe9\0text" and not answer["truncated"]
    assert (answer["end"], answer["status"], done.returncode) == ("exit", 7, 7)
    assert answer["vm"] == "made up" and answer["vcpus"] == 1 and "stats" in answer
    answer = object_of(run(["0 exception 14 2 0x10"], "--json"))
    assert answer["exit"]["exception"] == "#PF" and answer["exit"]["address"] == "0x10"
    assert answer["code"].startswith("74 65 78 74") and "rax" in answer["regs"]
    assert object_of(run([], "--json", "--timeout", "0.1"))["end"] == "timeout"


def test_endless_output_takes_no_endless_memory(run):
    """What is kept for --json has a limit."""
    answer = object_of(run([call(WRITE, 0, USABLE)] * 3 + [call(EXIT, 0)], "--json"))
    assert answer["truncated"] and len(answer["output"]) == 16 * MIB


def test_trace(run):
    """A line an exit, on stderr."""
    done = run([call(WRITE, LOAD, 4), "0 cpuid", call(EXIT, 0)], "--trace")
    lines = [line for line in done.err.splitlines() if "vCPU" in line and "RIP" in line]
    assert len(lines) == 3 and done.out == "text"
    assert lines[0].endswith("VMCALL: write(0x10000, 4) -> vtxctl")
    assert lines[1].endswith("CPUID")


def test_output_that_cannot_be_written(run):
    """A full disk is no success of the guest's."""
    process = run.start([call(WRITE, LOAD, 4), call(1, 9), call(EXIT, 0)], to="/dev/full")
    _, err = process.communicate(timeout=LATE)
    assert process.returncode == 125 and err.count(b"output failed: No space left") == 1


def test_images(run, tmp_path):
    """A name, a path, and what is no image."""
    (tmp_path / "small.bin").write_bytes(b"\xf4")
    assert run([call(EXIT, 4)], guest="small").returncode == 4
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "large").write_bytes(bytes(MIB))
    for guest, options, words in (
            ("nosuch", [], "Looked for: "), ("./nosuch", [], "No such file"),
            (tmp_path, [], "is no file"), (tmp_path / "empty", [], "is empty"),
            (tmp_path / "large", ["--mem", "1M"], "larger --mem"),
            (tmp_path / "large", ["--mem", "1100K"], "too few")):
        done = run([], *options, guest=guest)
        assert done.returncode == 125 and words in done.err, done.err


@pytest.mark.parametrize("options", [
    ["--mem", "64Q"], ["--vcpus", "-1"], ["--vcpus", "x"], ["--timeout", "0"], ["--arg", "1K"],
    ["--nosuch"], ["second"],
])
def test_usage(run, options):
    """2, and which option it was."""
    done = run([], *options)
    assert done.returncode == 2 and options[0].lstrip("-") in done.err
