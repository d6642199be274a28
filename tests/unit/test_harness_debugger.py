# SPDX-License-Identifier: GPL-2.0
"""The line to Bochs's debugger, without Bochs: what counts as an answer, and what is refused."""

import pytest

from harness.bochs_debugger import Debugger, answers, check_commands
from harness.errors import LabError

STOP = "Next at t=254927430\n(0) [0x000001a592eb] 0010:ffffffff81a592eb (unk. ctxt): ret\n"


def test_answers_leave_the_commands_and_the_stop_out():
    text = STOP + "set $cpu=1\ncreg\nCR0=0x80050033\nCR4=0x001706e0\n"
    assert answers(text, ("set $cpu=1", "creg")) == "CR0=0x80050033\nCR4=0x001706e0\n"


def test_answers_of_several_commands_come_in_order():
    text = "c\n" + STOP + 'show "cpu0.CR4"\nCR4 = 0x1\nshow "cpu1.CR4"\nCR4 = 0x2\n'
    assert answers(text, ('show "cpu0.CR4"', 'show "cpu1.CR4"')) == "CR4 = 0x1\nCR4 = 0x2\n"


def test_a_command_that_was_not_taken_is_an_error():
    with pytest.raises(LabError, match="did not take 'creg'"):
        answers(STOP, ("creg",))


@pytest.mark.parametrize("command", ["", " ", "creg\nquit"])
def test_what_is_not_one_line_is_refused(command):
    with pytest.raises(LabError, match="expected one line"):
        check_commands((command,))


def test_a_question_waits_for_its_own_mark(tmp_path):
    """Bochs played by the signal's handler: it repeats what it reads and adds the answers."""
    debugger = Debugger(tmp_path)
    debugger.open()
    said = []

    def bochs():
        said.append("interrupt")
        log = "c\n" + STOP + "creg\nCR0=0x1\n? 0x5a000001\n0x5a000001 1509949441\n"
        (tmp_path / "debugger.log").write_text(log, encoding="ascii")

    answer = debugger.ask(("creg",), wake=lambda: said.append("wake"), interrupt=bochs,
                          alive=lambda: True)
    debugger.close()
    assert answer == "CR0=0x1\n"
    assert said == ["interrupt", "wake"]
    assert not (tmp_path / "debugger.fifo").exists()


def test_a_dead_bochs_is_an_error(tmp_path):
    debugger = Debugger(tmp_path)
    debugger.open()
    with pytest.raises(LabError, match="did not answer"):
        debugger.ask(("creg",), wake=lambda: None, interrupt=lambda: None, alive=lambda: False)
    debugger.close()
