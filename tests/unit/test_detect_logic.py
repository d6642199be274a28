# SPDX-License-Identifier: GPL-2.0
"""The detection logic of project01 and vtxctl detect, on the host, without any hardware.

Everything goes through `vtxctl detect --json --from`, built here, and is judged by
reference_decode.py, which shares no line and no table with the C code.
"""
import json
import subprocess
from pathlib import Path

import pytest

from unit import host_build, random_facts
from unit import reference_decode as reference

HERE = Path(__file__).resolve().parent
RECORDINGS = sorted((HERE / "recordings").glob("*.json"))
BATCH = 400
BATCHES = 6
SEED = 20261122


@pytest.fixture(name="vtxctl", scope="module")
def fixture_vtxctl(tmp_path_factory):
    """vtxctl with the reference solutions."""
    return host_build.build(tmp_path_factory.mktemp("vtxctl"))


@pytest.fixture(name="checked", scope="module")
def fixture_checked(tmp_path_factory):
    """The same with the sanitizers, for input that means harm."""
    return host_build.build(tmp_path_factory.mktemp("checked"), sanitize=True)


@pytest.fixture(name="starter", scope="module")
def fixture_starter(tmp_path_factory, vtxctl):
    """vtxctl with every exercise unsolved."""
    return host_build.build(tmp_path_factory.mktemp("starter"), host_build.EXERCISES,
                            solved=vtxctl.parent)


def run(tool, *arguments, stdin=""):
    """Run vtxctl; stdin may be bytes."""
    data = stdin if isinstance(stdin, bytes) else stdin.encode()
    return subprocess.run([tool, *arguments], input=data, capture_output=True, check=False)


def explain(tool, raws):
    """What vtxctl detect --json says about these CPUs, and its exit status."""
    done = run(tool, "detect", "--json", "--from", "-",
               stdin=json.dumps({"raw": {"cpus": raws}}))
    assert done.stdout, done.stderr.decode()
    return json.loads(done.stdout), done.returncode


def load(path):
    """The CPUs of a recording."""
    return json.loads(path.read_text())["raw"]["cpus"]


def check(answer, status, raws):
    """Compare an answer with the reference's, CPU by CPU and as a whole."""
    for seen, raw in zip(answer["cpus"], raws, strict=True):
        expected = reference.decode(raw)
        assert seen.keys() == expected.keys()
        for key, value in expected.items():
            assert seen[key] == value, f"{key} of {json.dumps(raw)}"
    assert answer["verdict"] == reference.machine_verdict(raws)
    assert status == (0 if answer["verdict"] == "usable" else 1)
    expected = [{"cpu": raw["cpu"], "fields": fields} for raw in raws
                if (fields := reference.differs(raws[0], raw))]
    assert answer["differing"] == expected


# ---- recordings ---------------------------------------------------------------------------------


def test_enough_recordings():
    """At least six Intel models with VMX and three AMD ones with SVM."""
    facts = [reference.cpuid(load(path)[0]) for path in RECORDINGS]
    assert sum(f["vendor"] == "GenuineIntel" and f["vmx"] for f in facts) >= 6
    assert sum(f["vendor"] == "AuthenticAMD" and f["svm"] for f in facts) >= 3


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_recording(vtxctl, path):
    """A recording says where it comes from, and is decoded as the manuals say."""
    recorded = json.loads(path.read_text())["recorded"]
    assert set(recorded) >= {"model", "date", "how"} and set(recorded) & {"emulator", "source"}
    raws = load(path)
    check(*explain(vtxctl, raws), raws)


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_msrs_that_exist(vtxctl, path):
    """The rules name exactly the MSRs that could be read: the recorder tried them all."""
    raws = load(path)
    answer, _ = explain(vtxctl, raws)
    for cpu, raw in zip(answer["cpus"], raws, strict=True):
        readable = [value is not None for value in raw["vmx_msr"]]
        assert [msr["exists"] for msr in cpu["msrs"]] == readable


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_raw_survives(vtxctl, path):
    """The raw part of an answer can be fed in again and gives the same answer."""
    raws = load(path)
    answer, _ = explain(vtxctl, raws)
    assert answer["raw"]["cpus"] == raws
    assert explain(vtxctl, answer["raw"]["cpus"])[0] == answer


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_table(vtxctl, path):
    """The table for people names the verdict, has no colours in a pipe and no endless lines."""
    done = run(vtxctl, "detect", "--verbose", "--from", str(path))
    text = done.stdout.decode()
    assert f"Answer: {reference.machine_verdict(load(path))}\n" in text
    assert "\033" not in text
    assert max(map(len, text.splitlines())) <= 100


# ---- made-up facts ------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", range(BATCHES))
def test_random_facts(vtxctl, batch):
    """Thousands of random processors, decoded like the reference does."""
    facts = random_facts.Facts(SEED + batch)
    raws = [facts.cpu(number) for number in range(BATCH)]
    answer, status = explain(vtxctl, raws)
    check(answer, status, raws)
    verdicts = {cpu["verdict"] for cpu in answer["cpus"]}
    assert verdicts == {"usable", "not-supported", "disabled-by-firmware", "held", "hidden",
                        "unknown"}


def test_random_machines_are_told_apart(vtxctl):
    """CPUs that are alike up to one random change: the change, and nothing else, is reported."""
    for seed in range(5):
        facts = random_facts.Facts(SEED + seed)
        raws = [facts.cpu(0), {**facts.cpu(0), "cpu": 1}]
        for key in sorted(set(raws[0]) - {"cpu"}) * 6:
            raws.append({**raws[0], key: facts.cpu(0)[key], "cpu": len(raws)})
        check(*explain(vtxctl, raws), raws)


def test_what_may_differ(vtxctl):
    """APIC id, OSXSAVE and the APIC bits differ legally; any other bit does not."""
    first = usable()
    legal = {**first, "cpu": 1, "leaf1": ["0x0", "0xff00ffff", hex(1 << 27 | 1 << 5), "0x200"],
             "ext1": ["0x0", "0x0", "0x0", "0x200"]}
    other = {**first, "cpu": 2, "leaf1": ["0x0", "0x0", hex(1 << 26 | 1 << 5), "0x0"]}
    held = {**first, "cpu": 3, "cr4": "0x2000"}
    answer, _ = explain(vtxctl, [first, legal, other, held])
    assert answer["differing"] == [{"cpu": 2, "fields": ["cpuid"]}, {"cpu": 3, "fields": ["held"]}]


@pytest.mark.parametrize("raw", [random_facts.uniform(0, 0), random_facts.uniform(0, -1),
                                 random_facts.contradictory(0)],
                         ids=["zeros", "ones", "contradictory"])
def test_hostile_facts(checked, raw):
    """Facts that no processor reports are decoded all the same, and nothing is invented."""
    check(*explain(checked, [raw]), [raw])


def usable():
    """Facts of a CPU that is usable: the smallest set of them."""
    raw = random_facts.uniform(0, 0)
    raw["leaf1"][2] = hex(1 << 5)
    raw["feature_control"] = "0x5"
    return raw


@pytest.mark.parametrize("change, verdict", [
    ({}, "usable"),
    ({"feature_control": "0x0"}, "usable"),
    ({"feature_control": "0x1"}, "disabled-by-firmware"),
    ({"feature_control": "0x3"}, "disabled-by-firmware"),
    ({"feature_control": None}, "unknown"),
    ({"cr4": "0x2000"}, "held"),
    ({"cr4": "0x2000", "ours": True}, "usable"),
    ({"cr4": "0x2000", "feature_control": "0x1"}, "disabled-by-firmware"),
    ({"leaf1": ["0x0", "0x0", "0x80000000", "0x0"]}, "hidden"),
    ({"leaf1": ["0x0", "0x0", "0x0", "0x0"]}, "not-supported"),
    ({"leaf1": ["0x0", "0x0", "0x80000020", "0x0"]}, "usable"),
    ({"vendor": "CentaurHauls"}, "usable"),
    ({"vendor": "AuthenticAMD"}, "not-supported"),
    ({"vendor": "AuthenticAMD", "leaf1": ["0x0", "0x0", "0x80000000", "0x0"]}, "hidden"),
    ({"vendor": "AuthenticAMD", "ext1": ["0x0", "0x0", "0x4", "0x0"]}, "not-supported"),
    ({"vendor": "Unknown12345"}, "usable"),
])
def test_verdict(vtxctl, change, verdict):
    """Each verdict by the one fact that makes it; written down, not computed."""
    answer, _ = explain(vtxctl, [{**usable(), **change}])
    assert answer["verdict"] == verdict
    assert answer["explanation"] and bool(answer["remedy"]) == (verdict != "usable")


def test_svm_is_explained(vtxctl):
    """On AMD the answer is no, and says that SVM is there and whether firmware allows it."""
    raw = {**usable(), "vendor": "AuthenticAMD", "ext1": ["0x0", "0x0", "0x4", "0x0"]}
    allowed, _ = explain(vtxctl, [{**raw, "vm_cr": "0x8"}])
    off, _ = explain(vtxctl, [{**raw, "vm_cr": "0x18"}])
    for answer in (allowed, off):
        assert "SVM" in answer["explanation"] and "project07" in answer["explanation"]
    assert "SVMDIS is clear" in allowed["explanation"]
    assert "SVMDIS is set" in off["explanation"]


def test_modes(vtxctl):
    """No mode can run in this stage, and each says what brings it."""
    answer, _ = explain(vtxctl, [usable()])
    assert set(answer["modes"]) == set(reference.MODES)
    for name, mode in answer["modes"].items():
        assert not mode["available"] and f"labs/{name.lower()}" in mode["why"].replace(
            "labs/linux", "labs/type1")


# ---- what may be wrong with the input -----------------------------------------------------------

BROKEN = {
    "empty": "", "no JSON": "hello", "cut off": '{"raw":{"cpus":[{"cpu":0,', "null": "null",
    "array": "[]", "no raw": "{}", "raw is text": '{"raw":"x"}', "cpus is text":
    '{"raw":{"cpus":"x"}}', "no CPU": '{"raw":{"cpus":[]}}',
    "CPU is null": '{"raw":{"cpus":[null]}}',
    "CPU is a number": '{"raw":{"cpus":[7]}}', "two objects": '{"raw":{"cpus":[]}} {}',
    "deep": "[" * 5000, "binary": b"\x00\xff\xfe{}", "NUL behind": b'{"raw":{"cpus":[]}}\0',
    "too large": " " * (32 * 1024 * 1024 + 1),
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
def test_broken_file(checked, text):
    """A file that is no answer of vtxctl: one line that says what was expected, status 2."""
    done = run(checked, "detect", "--json", "--from", "-", stdin=text)
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.startswith(b"vtxctl: ") and done.stderr.count(b"\n") == 1


BAD_VALUES = {
    "cpu": [None, "0", -1, 65536, 1.5, 10 ** 30], "ours": [None, 1, "yes"],
    "vendor": [None, 7, "thirteen char", "\u0100", ["x"]],
    "hv_signature": [7, "thirteen char", "\u20ac"],
    "leaf1": [None, [], ["0x0"] * 3, ["0x0"] * 5, ["0x0", "0x0", "0x0", "0x100000000"],
              ["0x0", "0x0", "0x0", 0], {"eax": 1}],
    "ext_svm": [None, "0x0"], "max_leaf": [None, 5, "0x100000000", "5", "0x", "0xg", "0x5 "],
    "cr4": [None, "0x10000000000000000", "-0x1", "0x-1", "0x1\0", "", {}],
    "feature_control": [5, "0x10000000000000000", []],
    "vmx_msr": [None, [], [None] * 19, [None] * 21, ["0x0"] * 19 + [0], "0x0"],
}


@pytest.mark.parametrize("key, value", [(k, v) for k, values in BAD_VALUES.items()
                                        for v in values])
def test_bad_value(checked, key, value):
    """A value of the wrong type or out of range: the message names the key, status 2."""
    done = run(checked, "detect", "--json", "--from", "-",
               stdin=json.dumps({"raw": {"cpus": [usable(), {**usable(), key: value}]}}))
    assert done.returncode == 2 and not done.stdout
    assert f"raw.cpus[1].{key}: expected " in done.stderr.decode()


@pytest.mark.parametrize("key", sorted(set(usable()) - {"ours"}))
def test_missing_key(checked, key):
    """A key that is missing is named, status 2."""
    raw = usable()
    del raw[key]
    done = run(checked, "detect", "--from", "-", stdin=json.dumps({"raw": {"cpus": [raw]}}))
    assert done.returncode == 2
    assert f"raw.cpus[0].{key}: expected " in done.stderr.decode()
    assert "found nothing" in done.stderr.decode()


def test_usage(vtxctl, tmp_path):
    """Exit statuses and help of the frame."""
    assert run(vtxctl).returncode == 2
    assert run(vtxctl, "nonsense").returncode == 2
    assert run(vtxctl, "detect", "--nonsense").returncode == 2
    assert run(vtxctl, "detect", "surplus").returncode == 2
    assert run(vtxctl, "detect", "--from", tmp_path / "missing").returncode == 2
    assert run(vtxctl, "detect", "--from", tmp_path).returncode == 2
    shown = run(vtxctl, "--help")
    assert shown.returncode == 0 and b"detect" in shown.stdout
    shown = run(vtxctl, "--version")
    assert shown.returncode == 0 and b"project01" in shown.stdout
    assert run(vtxctl, "detect", "--help").returncode == 0


def test_full_disk(vtxctl):
    """Output that cannot be written is an error."""
    with open("/dev/full", "wb") as full:
        done = subprocess.run([vtxctl, "--help"], stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1 and b"writing the output failed" in done.stderr


# ---- exercises that are not done ----------------------------------------------------------------


@pytest.mark.parametrize("exercise", host_build.EXERCISES)
def test_each_exercise_alone_compiles(exercise):
    """The student's files compile without a warning with one exercise unsolved."""
    for name in host_build.STUDENT:
        host_build.run(["gcc", *host_build.compile_flags([exercise]), "-fsyntax-only",
                        host_build.TOP / "project01" / name])


def test_starter_knows_nothing(starter):
    """Without solutions there is an answer of the right shape, and nothing in it."""
    raw = load(HERE / "recordings" / "bochs-corei7_haswell_4770.json")
    answer, status = explain(starter, raw)
    cpu = answer["cpus"][0]
    assert status == 1 and answer["verdict"] == cpu["verdict"] == "unknown"
    assert cpu["cpuid"] is None and cpu["basic"] is None and cpu["controls"] is None
    assert not any(msr["exists"] for msr in cpu["msrs"])


def test_exit_code_tables():
    """Our exit codes are those of the kernel's user ABI."""
    host_build.run(["gcc", *host_build.compile_flags(), "-fsyntax-only",
                    HERE / "check_exit_codes.c"])
