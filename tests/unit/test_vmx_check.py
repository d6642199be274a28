# SPDX-License-Identifier: GPL-2.0
"""The rules of a VM entry on the host: each must see its violation, and not see its neighbour."""

import pytest

from entry import checker, deviations, made_up, rule_cases
from entry.checker import FIELDS



@pytest.fixture(name="rules", scope="module")
def fixture_rules(tmp_path_factory):
    """The compiled rules, with a sanitizer."""
    return checker.Checker(tmp_path_factory.mktemp("rules"), sanitize=True)


def look(rules, changes, facts=None):
    """What the rules say of the made-up state with these changes."""
    packed = checker.pack_facts(made_up.raw_facts(**(facts or {})))
    return {finding.id: finding
            for finding in rules.check(packed, made_up.changed(made_up.base_state(), changes))}


def test_valid_state(rules):
    """A state that a processor would take violates nothing, and everything can be decided."""
    assert look(rules, {}) == {}


def test_every_rule_has_cases(rules):
    """No rule without a case, no case without a rule, no two rules of one name."""
    names = [rule.id for rule in rules.rules()]
    assert len(names) == len(set(names))
    assert set(names) == set(rule_cases.CASES)
    without = {name for name, cases in rule_cases.CASES.items() if not cases}
    assert without == set(rule_cases.UNDECIDED)


@pytest.mark.parametrize("name", [name for name, cases in rule_cases.CASES.items() if cases])
def test_rule(rules, name):
    """Each case: the rule is violated, names a field that exists, and holds next door."""
    for violates, holds, facts in rule_cases.CASES[name]:
        bad = look(rules, violates, facts).get(name)
        assert bad and bad.answer == "violated", (violates, facts, bad)
        good = look(rules, holds, facts).get(name)
        assert good is None, (holds, facts, good)


def test_right_value(rules):
    """Where a rule says which value would do, that value does."""
    tried = 0
    for name, cases in rule_cases.CASES.items():
        for violates, _, facts in cases:
            bad = look(rules, violates, facts)[name]
            if bad.right is not None and bad.field not in made_up.GROUPS.values():
                again = look(rules, {**violates, bad.field: bad.right}, facts)
                assert name not in again, (name, violates, bad)
                tried += 1
    assert tried > 100


@pytest.mark.parametrize("name", rule_cases.UNDECIDED)
def test_undecided(rules, name):
    """What depends on memory is neither violated nor held to hold."""
    undecided, holds = rule_cases.UNDECIDED[name]
    assert look(rules, undecided)[name].answer == "undecided"
    assert name not in look(rules, holds)


def test_missing_field(rules):
    """Without the field that a rule blames, nobody is blamed."""
    for name, cases in rule_cases.CASES.items():
        for violates, _, facts in cases:
            packed = checker.pack_facts(made_up.raw_facts(**facts))
            state = made_up.changed(made_up.base_state(), violates)
            first = next(rule.fields[0] for rule in rules.rules() if rule.id == name)
            del state[first]
            answers = {found.id: found.answer for found in rules.check(packed, state)}
            assert answers.get(name) == "undecided", (name, violates, first)


def test_no_facts(rules):
    """A processor of which nothing is known but its mode has no violated rule in a valid state."""
    raw = made_up.raw_facts(physical=0, linear=0)
    raw["vmx_msr"] = [None] * 20
    found = rules.check(checker.pack_facts(raw), made_up.base_state())
    assert found and {finding.answer for finding in found} == {"undecided"}


def test_texts(rules):
    """People read them."""
    for rule in rules.rules():
        assert rule.fields and all(field in FIELDS for field in rule.fields)
        assert len(rule.text) > 10 and not rule.text.endswith(".")
        assert rule.section[0].isupper()


def test_deviations(rules):
    """The list of what an emulator does otherwise names rules, fields and sections that exist."""
    listed = deviations.read()
    names = [one.name for one in listed]
    assert len(names) == len(set(names))
    known = {rule.id: rule for rule in rules.rules()}
    for one in listed:
        assert one.cause.endswith(".") and (one.rules or one.fields), one.name
        assert one.section in {rule.section for rule in known.values()}, one.name
        assert set(one.fields) | set(one.where) <= set(FIELDS), one.name
        assert set(one.rules) <= set(known), one.name
