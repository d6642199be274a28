# SPDX-License-Identifier: GPL-2.0
"""The lab machine keeps what the course promises: no open network port while it runs."""
import os
from pathlib import Path

import pytest

from harness.grade import require

pytestmark = [pytest.mark.reference, pytest.mark.lab(vendor=["vmx", "svm"], cpus=2)]

LISTEN = "0A"  # TCP_LISTEN in /proc/net/tcp


def listening_inodes():
    """Socket inodes of every TCP port that somebody on this host listens at."""
    found = {}
    for table in ("tcp", "tcp6"):
        for row in Path(f"/proc/net/{table}").read_text("ascii").splitlines()[1:]:
            fields = row.split()
            if fields[3] == LISTEN:
                found[fields[9]] = int(fields[1].rsplit(":", 1)[1], 16)
    return found


def descendants(pid):
    """Every process below this one."""
    children = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text("utf-8", "replace").rsplit(")", 1)[1].split()[1])
        except OSError:
            continue  # it has just ended
        children.setdefault(parent, []).append(int(stat.parent.name))
    waiting, found = [pid], []
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def sockets(pid):
    """Inodes of the sockets that a process has open."""
    try:
        targets = [os.readlink(fd) for fd in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:
        return set()
    return {t[8:-1] for t in targets if t.startswith("socket:[")}


def test_no_open_port(lab):
    """Neither the emulator nor anything else that was started listens at a TCP port."""
    lab.run(["true"])
    ports = listening_inodes()
    for pid in descendants(os.getpid()):
        open_ports = [ports[inode] for inode in sockets(pid) & set(ports)]
        require(not open_ports, expected="no listening socket", seen=f"TCP port {open_ports}",
                what=f"process {pid} ({os.readlink(f'/proc/{pid}/exe')})" if open_ports else "")
