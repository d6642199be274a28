# SPDX-License-Identifier: GPL-2.0
"""Make a student's repository of this one: `make starter OUT=dir [UPTO=] [SOLVED=] [HIDE=]`.

    order.py    what was asked for, and whether it makes sense
    tree.py     which files go into it, and how a stage's files are changed
    hide.py     which tests go into it
    history.py  git

What goes in is a short table in tree.py; stages, labs and their tests are found and not listed.
"""
