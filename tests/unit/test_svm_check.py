# SPDX-License-Identifier: GPL-2.0
"""The rules of VMRUN on the host: each must see its violation, and not see its neighbour."""

import pytest

from entry import deviations, svm, svm_campaign, svm_cases
from entry import svm_rule_cases as cases
from entry.checker import pack_facts

# AMD APM vol. 2, revision 3.42: where the rules are from.
SECTIONS = {"VMRUN Instruction", "Event Injection", "NMI Virtualization", "Enabling Nested Paging",
            "Nested Paging and VMRUN/#VMEXIT", "Supervisor Shadow Stacks"}
CASES = [(name, one) for name, listed in cases.CASES.items() for one in listed]
UNDECIDED = [(name, one) for name, listed in cases.UNDECIDED.items() for one in listed]


@pytest.fixture(name="rules", scope="module")
def fixture_rules(tmp_path_factory):
    """The compiled rules, with a sanitizer."""
    return svm.Checker(tmp_path_factory.mktemp("rules"), sanitize=True)


def look(rules, changes, facts=None):
    """What the rules say of the made-up state with these changes."""
    packed = pack_facts(cases.raw_facts(**(facts or {})))
    return {finding.id: finding
            for finding in rules.check(packed, cases.changed(cases.base_state(), changes))}


def test_fields(rules):
    """The C table has the fields of vmcb_fields.def, in the order of their offsets."""
    table = rules.fields()
    assert {name: place[:2] for name, place in table.items()} == svm.FIELDS
    assert {name for name, place in table.items() if place[2]} == svm.OUTPUTS
    offsets = [place[0] for place in table.values()]
    assert offsets == sorted(set(offsets))


def test_valid_state(rules):
    """A VMCB that a processor would take violates nothing, and everything can be decided."""
    assert look(rules, {}) == {}


def test_every_rule_has_cases(rules):
    """No rule without a case, no case without a rule, no two rules of one name."""
    names = [rule.id for rule in rules.rules()]
    assert len(names) == len(set(names))
    assert set(names) == set(cases.CASES)
    without = {name for name, listed in cases.CASES.items() if not listed}
    assert without <= set(cases.UNDECIDED) <= set(names)


@pytest.mark.parametrize(("name", "one"), CASES, ids=[f"{name}-{i}" for i, (name, _)
                                                    in enumerate(CASES)])
def test_rule(rules, name, one):
    """Each case: the rule is violated, names a field of its own, and holds next door."""
    violates, holds, facts = one
    bad = look(rules, violates, facts).get(name)
    assert bad and bad.answer == "violated", (violates, facts, bad)
    rule = next(rule for rule in rules.rules() if rule.id == name)
    assert bad.field in rule.fields
    assert bad.seen == cases.changed(cases.base_state(), violates)[bad.field]
    assert bad.wrong & ~bad.seen == 0 or bad.right == bad.seen ^ bad.wrong
    assert look(rules, holds, facts).get(name) is None, (holds, facts)


@pytest.mark.parametrize(("name", "one"), UNDECIDED, ids=[f"{name}-{i}" for i, (name, _)
                                                        in enumerate(UNDECIDED)])
def test_undecided(rules, name, one):
    """What nobody can tell is neither violated nor held to hold."""
    unknown, holds, facts = one
    assert look(rules, unknown, facts)[name].answer == "undecided"
    assert name not in look(rules, holds, facts)


def test_right_value(rules):
    """Where a rule says which value would do, that value does."""
    tried = 0
    for name, (violates, _, facts) in CASES:
        bad = look(rules, violates, facts)[name]
        if bad.right is not None:
            state = cases.changed(cases.base_state(), violates)
            again = rules.check(pack_facts(cases.raw_facts(**facts)),
                                {**state, bad.field: bad.right})
            assert name not in {found.id for found in again}, (name, violates, bad)
            tried += 1
    assert tried > 40


def test_missing_field(rules):
    """Without the field that a rule looks at first, nobody is blamed."""
    for name, (violates, _, facts) in CASES:
        state = cases.changed(cases.base_state(), violates)
        del state[next(rule.fields[0] for rule in rules.rules() if rule.id == name)]
        answers = {found.id: found.answer
                   for found in rules.check(pack_facts(cases.raw_facts(**facts)), state)}
        assert answers.get(name) != "violated", (name, violates)


def test_no_facts(rules):
    """A processor of which nothing is known has no violated rule in a valid state."""
    nothing = dict.fromkeys(("cr0", "cr4", "efer", "max_leaf", "max_ext_leaf", "leaf1_ecx",
                             "leaf1_edx", "ext1_ecx", "ext1_edx", "svm", "addr_ebx"), 0)
    found = rules.check(pack_facts(cases.raw_facts(physical=0, **nothing)), cases.base_state())
    assert found and {finding.answer for finding in found} == {"undecided"}


def test_certain(rules):
    """What lets a trial be anything are three rules that every machine checks first of all."""
    assert {rule.id for rule in rules.rules() if rule.certain} == {
        "control.vmrun-intercept", "control.asid", "guest.efer.svme"}


def test_texts(rules):
    """People read them."""
    for rule in rules.rules():
        assert rule.fields and all(field in svm.FIELDS for field in rule.fields)
        assert len(rule.text) > 10 and not rule.text.endswith(".")
        assert rule.section in SECTIONS
        assert rule.id.split(".")[0] == rule.kind


def test_prediction(rules):
    """A state is refused, entered, or nobody knows; a vCPU that never ran gets an ASID."""
    facts, base = pack_facts(cases.raw_facts()), cases.base_state()
    predict = lambda case: set(rules.predict(facts, base, case).outcomes)  # noqa: E731
    assert predict({}) == {"entered"}
    assert predict({"GUEST_ASID": 0}) == {"invalid"}
    assert predict({"CR4": base["CR4"] | cases.SMEP}) == set()
    assert predict({"CR4": base["CR4"] | cases.SMEP, "GUEST_ASID": 0}) == {"invalid"}
    assert set(rules.predict(facts, {**base, "GUEST_ASID": 0}, {}).outcomes) == {"entered"}


def test_campaign_cases(rules):
    """The cases are the same each time, and violate every rule that a machine can be shown."""
    facts, base = pack_facts(cases.raw_facts()), {**dict.fromkeys(svm.OUTPUTS, 0),
                                                 **cases.base_state()}
    made = svm_cases.generate(svm_campaign.SEED, "64-bit", base)
    assert made == svm_cases.generate(svm_campaign.SEED, "64-bit", base)
    assert len(made) > 5000 and all(len(case) <= 8 for case in made)
    violated = set().union(*(rules.predict(facts, base, case).rules for case in made))
    needs_another_processor = {"control.virtual-nmis", "control.np.host", "control.np.supported",
                               "control.np.shadow-stacks", "guest.efer.long-mode",
                               "guest.s-cet.reserved", "guest.cet.v86"}
    assert violated == set(cases.CASES) - needs_another_processor


def test_deviations(rules):
    """The list of what an emulator does otherwise names rules, fields and sections that exist."""
    listed = deviations.read(svm_campaign.DOCUMENT)
    assert len({one.name for one in listed}) == len(listed)
    names = {rule.id for rule in rules.rules()}
    for one in listed:
        assert set(one.models) <= set(svm_campaign.ACCELERATORS), one.name
        assert one.cause.endswith(".") and (one.rules or one.fields or one.where), one.name
        assert one.section in SECTIONS and bool(one.seen) != one.ends, one.name
        assert set(one.fields) | set(one.where) <= set(svm.FIELDS), one.name
        assert set(one.rules) | set(one.unless) <= names, one.name
