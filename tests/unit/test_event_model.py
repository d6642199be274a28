# SPDX-License-Identifier: GPL-2.0
"""The structures that tests/stage/event_model.py packs lie where project06's header has them."""
import random
import subprocess

from stage import event_model as model

PROGRAM = """
#include <stddef.h>
#include <stdio.h>
#include "event_logic.h"
#define AT(type, field) printf("%s.%s %zu\\n", #type, #field, offsetof(struct type, field))
int main(void)
{
	printf("%zu %zu %zu %zu\\n", sizeof(struct vtx_injection), sizeof(struct event_queue),
	       sizeof(struct vtx_event_state), sizeof(struct event_plan));
	AT(vtx_injection, has_error_code); AT(vtx_injection, has_address);
	AT(vtx_injection, error_code); AT(vtx_injection, address);
	AT(event_queue, again); AT(event_queue, exception); AT(event_queue, acknowledged);
	AT(event_queue, line); AT(event_queue, asked); AT(event_queue, nmis);
	AT(event_queue, halted); AT(event_queue, shutdown);
	AT(vtx_event_state, task_priority);
	AT(event_plan, what); AT(event_plan, interrupt_window); AT(event_plan, nmi_window);
	return 0;
}
"""


def test_layout(repository, tmp_path):
    """Sizes and offsets, as the compiler has them."""
    program = tmp_path / "layout"
    subprocess.run(["gcc", "-x", "c", "-", f"-I{repository}/common/include",
                    f"-I{repository}/project06", "-o", str(program)], input=PROGRAM, text=True,
                   check=True)
    sizes, *rows = subprocess.run([program], capture_output=True, text=True,
                                  check=True).stdout.splitlines()
    assert [int(word) for word in sizes.split()] == [model.INJECTION, model.QUEUE, model.STATE,
                                                     model.PLAN]
    found = {name: int(at) for name, at in (row.split() for row in rows)}
    assert {name: found[f"event_queue.{name}"] for name in model.AT} == model.AT
    assert [found[f"vtx_injection.{name}"] for name in ("has_error_code", "has_address",
                                                        "error_code", "address")] == [3, 4, 8, 16]
    assert found["vtx_event_state.task_priority"] == 4
    assert [found[f"event_plan.{name}"] for name in ("what", "interrupt_window", "nmi_window")] \
        == [model.WHAT, model.INTERRUPT_WINDOW, model.NMI_WINDOW]


def test_packing():
    """What is packed comes back."""
    rng = random.Random(6)
    for _ in range(200):
        queue = model.random_queue(rng)
        assert model.Queue.unpack(queue.pack()) == queue
