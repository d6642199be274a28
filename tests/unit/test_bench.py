# SPDX-License-Identifier: GPL-2.0
"""make bench on the host: rows are read, the table tells goals, the rule of the history fails."""

import json
import xml.etree.ElementTree as ElementTree

import pytest
from bench import history, report, rows

KVM = {name: 1000 * (i + 1) for i, name in enumerate(rows.NAMES)}
OURS = {name: value // 2 for name, value in KVM.items()} | {"cpuid": 215, "out": 1100}


def line(number=1, **vtxdrv):
    return {"date": f"2026-11-{number:02d}T10:00:00Z", "commit": f"{number:040x}",
            "kernel": "6.1.0-1-amd64", "emulator": "Bochs 2.7", "cpu": "haswell",
            "vtxdrv": OURS | vtxdrv, "kvm": KVM}


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


@pytest.mark.parametrize("bad", [
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
