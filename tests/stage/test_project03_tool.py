# SPDX-License-Identifier: GPL-2.0
"""project03: vtxctl create and vtxctl vms, which are given: what they print, refuse and return."""
import json
import re

import pytest

from harness.grade import check, check_run, pick, replaced, require
from stage.vm_tools import kill, vms

pytestmark = [pytest.mark.reference, pytest.mark.lab(vendor="vmx", cpus=2)]

LAZY = replaced("project05", "a VM has no frames before somebody touches its memory")
OBJECTS = re.compile(r"^\{.*?^\}", re.M | re.S)


@LAZY
def test_create_runs_a_command(vms, rng):
    """The VM is there while the command runs, which sees it in the list, and gone afterwards."""
    pages, vcpus, code = rng.randrange(1, 600), rng.randrange(1, 5), rng.randrange(2, 100)
    name = f"vm {rng.getrandbits(32):x}"
    result = vms.vtxctl("create", "--name", name, "--mem", pages * 4096, "--vcpus", vcpus, "--json",
                        "--", "sh", "-c", f"vtxctl vms --json; echo $PPID $VTX_VM; exit {code}")
    check(result.status, code, "exit status of create: that of its command")
    mine, listed = (json.loads(text) for text in OBJECTS.findall(result.out))
    check(pick(listed, "vms"), [mine], "vtxctl vms while the command runs")
    owner, number = result.out.split()[-2:]
    for key, value in (("name", name), ("memory_size", pages * 4096), ("owner", int(owner)),
                       ("id", int(number))):
        check(pick(mine, key), value, f"`{key}` of the VM")
    check(pick(mine, "huge_blocks") * 512 + pick(mine, "small_blocks"), pages, "pages of the VM")
    check(len(pick(mine, "vcpus")), vcpus, "vCPUs of the VM")
    check(pick(vms.vtxctl_json("vms", "--json"), "vms"), [], "VMs afterwards")


def test_create_holds(vms):
    """A VM is held until its standard input ends, a signal comes, or kill -9."""
    script = ("rm -f /tmp/told; vtxctl create --name held --mem 2M --hold >/tmp/told </dev/null &"
              " pid=$!; while ! [ -s /tmp/told ]; do sleep 0.02; done; vtxctl vms; echo $pid")
    listed = check_run(vms.sh(script))
    require('"held"' in listed.out and "2 MiB" in listed.out, expected='a line with "held", 2 MiB',
            seen=listed.out, what="vtxctl vms")
    kill(vms, int(listed.out.split()[-1]))
    require("There is no VM" in vms.vtxctl("vms").out, expected="There is no VM", seen="another"
            " answer", what="vtxctl vms after kill -9")
    check_run(vms.sh("echo | vtxctl create --mem 64K"), what="create with an input that ends")


# VMs that stay, one after the other, until there is no memory for one more.
FILL = """
dmesg -C; n=0
while [ $n -lt 20 ] && ! [ -s /tmp/refused ]; do
  n=$((n + 1)); rm -f /tmp/told /tmp/refused
  vtxctl create --name v$n --mem 20M --hold >/tmp/told 2>/tmp/refused </dev/null & pids="$pids $!"
  while ! [ -s /tmp/told ] && ! [ -s /tmp/refused ]; do sleep 0.02; done
done
kill -9 $pids; wait; echo $n; cat /tmp/refused; dmesg
"""


@LAZY
def test_memory_of_all_vms(vms):
    """Each VM is within its limit, all together are not: refused before anybody is killed."""
    vms.sh("rm -f /tmp/refused")
    result = vms.sh(FILL, timeout=60)
    for text in ("no memory for a VM", "left for VMs"):
        require(text in result.out, expected=text, seen=result.out, what="VMs without end")
    require("oom-killer" not in result.out, expected="nobody is killed", seen=result.out,
            what="VMs without end")


@pytest.mark.parametrize("words, status, says", [
    (("--mem", "0"), 1, "memory"),
    (("--mem", "12345"), 1, "4096"),
    (("--mem", "64X"), 2, "64X"),
    (("--mem", "-1"), 2, "-1"),
    (("--mem", "99999999999999999999"), 2, "99999999999999999999"),
    (("--mem", "1T"), 1, "max_guest_mem|address"),
    (("--vcpus", "0"), 1, "vCPU"),
    (("--vcpus", "65"), 1, "64"),
    (("--vcpus", "many"), 2, "many"),
    (("--name", ""), 1, "name"),
    (("--name", "a" * 32), 2, "31"),
    (("--name", "a\x1bb"), 1, "name"),
])
def test_create_refuses(driver, words, status, says):
    """What cannot be is refused in words that name it."""
    result = driver.run(["vtxctl", "create", *words], stdin=b"")
    check(result.status, status, f"exit status of create {' '.join(words)!r}")
    require(re.search(says, result.err), expected=f"a message with {says}", seen=result.err,
            what=f"stderr of create {' '.join(words)!r}")



def test_hostile_arguments(vms):
    """Null pointers, padding, ids and buffers that are not there: each has an errno of its own."""
    check(vms.run(["abitool", "hostile"]).out.strip(), "all refused",
          "arguments that must be refused")


RACES = """
abitool races 60 >/tmp/races 2>&1 & pid=$!
for i in 1 2 3 4 5 6; do
    echo 0 > /sys/devices/system/cpu/cpu1/online; sleep 0.02
    echo 1 > /sys/devices/system/cpu/cpu1/online; sleep 0.02
done
wait $pid; echo status $?; cat /tmp/races
"""


@pytest.mark.instructor
def test_races(vms):
    """Threads create, look, walk and close at one moment, while CPU 1 goes and comes."""
    result = vms.sh(RACES, timeout=240)
    require("status 0\n" in result.out, expected="exit status 0", seen=result.out,
            what="abitool races, with CPU 1 going and coming")
    check(pick(vms.vtxctl_json("vms", "--json"), "vms"), [], "VMs afterwards")
    vms.unload()  # says what was not given back
    vms.load()
