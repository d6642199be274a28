# SPDX-License-Identifier: GPL-2.0
"""Read by gdb, not by the harness: adds the command `lab`, which runs a line in the machine."""

import os
import socket

import gdb


class Lab(gdb.Command):
    """lab COMMAND …: run a line of shell in the lab machine.

    It starts as soon as the machine runs (`continue`), and its output appears here when it ends.
    """

    def __init__(self):
        super().__init__("lab", gdb.COMMAND_USER)

    def invoke(self, argument, from_tty):
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(os.environ["VTX_LAB_SOCKET"])
            line.sendall(argument.encode() + b"\n")


Lab()
