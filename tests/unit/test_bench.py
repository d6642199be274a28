# SPDX-License-Identifier: GPL-2.0
"""make bench on the host: rows are read, the table tells goals, the rule of the history fails."""

import json
import xml.etree.ElementTree as ElementTree

import pytest
from bench import __main__ as bench_main
from bench import history, report, rows
from harness.errors import LabError

KVM = {name: 1000 * (i + 1) for i, name in enumerate(rows.NAMES)}
OURS = {name: value // 2 for name, value in KVM.items()} | {"cpuid": 215, "out": 1100}


WHY = "each VM has a second page now"


def line(number=1, accepted=None, **vtxdrv):
    found = {"date": f"2026-11-{number:02d}T10:00:00Z", "commit": f"{number:040x}",
             "kernel": "6.1.0-1-amd64", "emulator": "Bochs 2.7", "cpu": "haswell",
             "vtxdrv": OURS | vtxdrv, "kvm": KVM}
    return found if accepted is None else found | {"accepted": accepted}


def text(*lines):
    return "".join(json.dumps(one) + "\n" for one in lines)


def printed(figures):
    return "ticks 1.0000\n" + "".join(f"row {name} {n}\n" for name, n in figures.items())


def test_rows_are_read():
    assert rows.parse(printed(OURS)) == OURS


@pytest.mark.parametrize(("output", "word"), [
    ("", "saw none"),
    (printed({name: 1 for name in rows.NAMES[1:]}), "expected the rows cpuid"),
    (printed(OURS) + "row cpuid 3\n", "expected the rows"),
    (printed(OURS) + "row new 3\n", "new"),
    (printed(OURS | {"out": 0}), "out 0"),
    (printed(OURS | {"out": -4}), "out -4"),
])
def test_odd_output_is_refused(output, word):
    with pytest.raises(rows.BadFigures, match=word):
        rows.parse(output)


def test_the_table_tells_a_goal_that_is_missed():
    found = {words[0]: " ".join(words) for words in map(
        str.split, report.table(OURS | {"out": 1201, "mmio": KVM["mmio"] + 1}, KVM).splitlines())}
    assert found["cpuid"].endswith("215 1,000 0.21 <= 250 reached")
    assert found["out"].endswith("1,201 3,000 0.40 <= 1200 goal missed")
    assert found["mmio"].endswith("4,001 4,000 1.00 <= KVM goal missed")
    assert set(found) == {"row", *rows.NAMES}


@pytest.mark.parametrize(("name", "value", "is_missed"), [
    ("cpuid", 250, False), ("cpuid", 251, True), ("out", 1200, False), ("out", 1201, True),
    ("rdmsr", KVM["rdmsr"], False), ("rdmsr", KVM["rdmsr"] + 1, True),
])
def test_goals(name, value, is_missed):
    assert report.missed(OURS | {name: value}, KVM) == ([name] if is_missed else [])


def test_bars_stand_for_ratios():
    first, *bars = report.bars(OURS | {"out": 10 * KVM["out"]}, KVM).splitlines()
    assert "less is better" in first and len(bars) == len(rows.ROWS)
    lengths = {bar.split()[0]: bar.count("#") for bar in bars}
    assert (lengths["rdmsr"], lengths["out"]) == (report.BAR // 2, report.LONGEST)


def test_the_picture_is_svg(tmp_path):
    pytest.importorskip("pygal", reason="make install-deps DEPS=class")
    assert report.svg(OURS, KVM, tmp_path / "bench.svg")
    picture = (tmp_path / "bench.svg").read_text(encoding="utf-8")
    assert ElementTree.fromstring(picture).tag.endswith("svg")
    assert all(name in picture for name in rows.NAMES)


def test_no_old_picture_stays_where_pygal_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pygal", None)
    (tmp_path / "bench.svg").write_text("old")
    assert not report.svg(OURS, KVM, tmp_path / "bench.svg")
    assert not (tmp_path / "bench.svg").exists()


def test_a_history_that_is_fine():
    assert history.check("") == []
    assert history.check(text(line(1))) == []
    assert history.check(text(line(1, cpuid=200), line(2, cpuid=220))) == []  # exactly 10 %


def test_each_model_has_a_newest_line():
    """A line of another processor model neither hides a worse one nor is compared with it."""
    other = line(3) | {"cpu": "trinity", "vtxdrv": OURS | {"cpuid": 9000}}
    found = history.check(text(line(1, cpuid=200), line(2, cpuid=300), other))
    assert [words[:5] for words in found] == ["cpuid", "cpuid"]
    assert not history.check(text(line(1, cpuid=200), line(2, cpuid=200), other))


def test_worse_than_the_one_before_fails():
    problem, _ = history.check(text(line(1, cpuid=200), line(2, cpuid=221)))
    assert problem.startswith("cpuid: 221 at 000000000000 is 10.5% worse than the one before, 200")


def test_both_commits_are_named():
    old, new = line(1, out=1000), line(2, out=2000)
    old["commit"], new["commit"] = "a" * 40, "b" * 40
    problem = history.check(text(old, new))[0]
    assert all(word in problem for word in ("out", "1000", "2000", "a" * 12, "b" * 12))


def test_creeping_fails_by_the_best_of_ten():
    lines = [line(i + 1, rdmsr=1000 + 90 * i) for i in range(3)]
    problem, = history.check(text(*lines))
    assert "rdmsr: 1180" in problem and "best of 2, 1000" in problem
    forgotten = [line(1, rdmsr=100), *(line(i, rdmsr=1000) for i in range(2, 13))]
    assert history.check(text(*forgotten)) == []


def test_only_what_was_measured_alike_is_compared():
    other = line(2, cpuid=2150) | {"kernel": "6.12.0-1-amd64"}
    assert history.check(text(line(1), other)) == []
    assert history.check(text(line(1), other, line(3, cpuid=400)))[0].startswith("cpuid: 400")


def test_kvm_may_become_slower():
    slower = line(2) | {"kvm": {name: 2 * value for name, value in KVM.items()}}
    assert history.check(text(line(1), slower)) == []


def test_a_regression_that_nobody_accepted_fails_with_row_and_figures():
    last, best = history.check(text(line(1, create=90000), line(2, create=95000),
                                    line(3, create=120000)))
    assert all(word in last for word in ("create: 120000", "26.3% worse", "the one before, 95000"))
    assert all(word in best for word in ("create: 120000", "33.3% worse", "best of 2, 90000"))


def test_an_accepted_regression_passes():
    assert history.check(text(line(1), line(2, create=10**8, accepted={"create": WHY}))) == []


def test_accepting_one_row_accepts_no_other():
    problem, _ = history.check(text(line(1), line(2, create=10**8, out=5000,
                                                  accepted={"create": WHY})))
    assert problem.startswith("out: 5000")


def test_an_accepted_figure_is_what_later_ones_are_compared_with():
    lines = [line(1, create=1000), line(2, create=2000, accepted={"create": WHY})]
    assert history.check(text(*lines, line(3, create=2200))) == []
    problem, _ = history.check(text(*lines, line(3, create=2201)))
    assert problem.startswith("create: 2201") and "the one before, 2000" in problem
    creeping = history.check(text(*lines, line(3, create=2180), line(4, create=2300)))
    assert len(creeping) == 1 and "best of 2, 2000" in creeping[0]
    assert history.check(text(*lines, line(3, create=1000))) == []


def test_what_was_accepted_elsewhere_is_no_excuse_here():
    other = line(2, create=2000, accepted={"create": WHY}) | {"kernel": "6.12.0-1-amd64"}
    assert history.check(text(line(1, create=1000), other, line(3, create=2000)))


def test_nobody_accepts_in_advance():
    problem, = history.check(text(line(1), line(2, accepted={"create": WHY})))
    assert problem.startswith("create: accepted as worse, but") and "take it out" in problem
    assert history.check(text(line(1, accepted={"create": WHY})))


def test_what_is_accepted_is_shown():
    lines = [line(1), line(2, create=10**8, accepted={"create": WHY}), line(3, create=10**8)]
    shown, = history.accepted(lines)
    assert shown.startswith("create: 100,000,000 since") and shown.endswith(WHY)
    assert history.accepted([*lines, *(line(i) for i in range(4, 14))]) == []


@pytest.mark.parametrize(("words", "wrong"), [
    (["create"], "expected ROW=WHY"), (["create="], "expected ROW=WHY"),
    (["creat=" + WHY], "one of cpuid"), (["out=" + WHY, "=" + WHY], "expected ROW=WHY"),
])
def test_a_reason_on_the_command_line_is_needed(words, wrong):
    with pytest.raises(LabError, match=wrong):
        bench_main.reasons(words)
    assert bench_main.reasons([f"create={WHY}, a=b"]) == {"create": f"{WHY}, a=b"}


@pytest.mark.parametrize("bad", [
    json.dumps(line(accepted={})), json.dumps(line(accepted=["create"])),
    json.dumps(line(accepted=WHY)), json.dumps(line(accepted={"create": ""})),
    json.dumps(line(accepted={"create": "because"})), json.dumps(line(accepted={"create": 1})),
    json.dumps(line(accepted={"create": " " * 30})), json.dumps(line(accepted={"creat": WHY})),
    "{", "[]", "", json.dumps({**line(), "more": 1}),
    json.dumps({k: v for k, v in line().items() if k != "cpu"}),
    json.dumps(line() | {"commit": "main"}), json.dumps(line() | {"date": "today"}),
    json.dumps(line() | {"vtxdrv": {}}), json.dumps(line(cpuid="215")),
    json.dumps(line(cpuid=0)), json.dumps(line(cpuid=True)), json.dumps(line(cpuid=2.5)),
])
def test_a_malformed_line_fails(bad):
    problem, = history.check(text(line(1)) + bad + "\n" + text(line(3)))
    assert problem.startswith("line 2: ")


def test_the_newest_line_has_every_row():
    old, new = line(1), line(2)
    old["vtxdrv"].pop("mmio")  # a row that was not measured then
    assert history.check(text(old, new)) == []
    problem, = history.check(text(new, old))
    assert "newest line, vtxdrv" in problem and "mmio" in problem


def test_a_line_is_appended_or_refused(tmp_path):
    path = tmp_path / "history.jsonl"
    history.append(line(1), path)
    history.append(line(2), path)
    assert [one["date"][8:10] for one in history.parse(path.read_text())[0]] == ["01", "02"]
    with pytest.raises(history.BadHistory, match="commit"):
        history.append(line(3) | {"commit": ""}, path)
    assert len(path.read_text().splitlines()) == 2
