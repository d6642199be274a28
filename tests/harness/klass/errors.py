# SPDX-License-Identifier: GPL-2.0
"""What can be wrong, and whose fault it is."""


class Unreadable(Exception):
    """This submission cannot be opened: its own result, with the text as the reason."""


class BadClass(Exception):
    """What the instructor has asked for cannot be done: a message for the terminal."""
