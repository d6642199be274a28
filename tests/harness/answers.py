# SPDX-License-Identifier: GPL-2.0
"""The form of vtxctl's JSON, checked where it comes in.

The code that writes it is not the student's, so a value of another type was printed by somebody
else. No test has to expect that: what gets past here has the types that the tests rely on. A member
that is missing is for pick() to name, except where a whole object is needed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

HEX = re.compile(r"0x[0-9a-f]{1,16}")


@dataclass(frozen=True)
class Maybe:
    """The shape, or null."""

    shape: Any


@dataclass(frozen=True)
class Every:
    """An object whose values all have one shape, whatever their names are."""

    shape: Any


@dataclass(frozen=True)
class Whole:
    """An object in which none of these members may be missing."""

    members: dict[str, Any]


@dataclass(frozen=True)
class Row:
    """A list of exactly so many."""

    length: int
    shape: Any


RAW = Whole({
    "cpu": int, "vendor": str, "hv_signature": Maybe(str), "max_leaf": HEX, "max_ext_leaf": HEX,
    "leaf1": Row(4, HEX), "ext1": Row(4, HEX), "ext_svm": Row(4, HEX), "ext_addr": Row(4, HEX),
    "cr0": HEX, "cr4": HEX, "efer": HEX, "feature_control": Maybe(HEX), "vm_cr": Maybe(HEX),
    "vmx_msr": Row(20, Maybe(HEX)),
})
CPU = {
    "cpu": int, "verdict": str, "cpuid": Maybe(dict), "basic": Maybe(dict),
    "msrs": [{"index": HEX, "exists": bool, "value": Maybe(HEX)}],
    "controls": Maybe(Every({"msr": str, "bits": [{"bit": int, "state": str}]})),
}
CR = {"value": HEX, "needed": HEX, "ok": bool}
SHAPES = {
    "detect": {"verdict": str, "differing": [{"cpu": int, "fields": [str]}], "cpus": [CPU],
               "raw": {"cpus": [RAW]}},
    "plan": {"cpus": [{"cpu": int, "ok": bool, "cr0": CR, "cr4": CR,
                       "feature_control": {"plan": str, "found": HEX, "value": HEX}}]},
    "status": {"users": int, "cpus": [{"cpu": int, "online": bool, "enabled": bool,
                                       "region_pa": HEX, "region_size": int, "cr4": HEX}]},
    "enable": {"enabled": bool, "users": int, "cpu": int, "cause": str, "value": HEX,
               "expected": HEX},
    "disable": {"disabled": bool, "users": int},
    "controls": {"cpus": [{"cpu": int, "ok": bool, "controls": Maybe(Every(Maybe(HEX))),
                           "missing": Maybe({"group": str, "bits": HEX, "names": [str]})}]},
    "vmcs": {"count": int, "fields": [{"encoding": HEX, "ident": str, "width": str,
                                       "type": str, "read_only": bool, "section": str}]},
}


def _named(kind: Any) -> str:
    words = {int: "a whole number", str: "a text", bool: "true or false", dict: "an object"}
    return "a text such as 0x1f" if isinstance(kind, re.Pattern) else words[kind]


def _plain(value: Any, shape: Any) -> bool:
    if isinstance(shape, re.Pattern):
        return isinstance(value, str) and bool(shape.fullmatch(value))
    return type(value) is shape  # a bool is no number here


def _list(values: Any, shape: Any, where: str) -> tuple[str, str] | None:
    if not isinstance(values, list):
        return where, "a list"
    found = (misfit(value, shape, f"{where}.{i}") for i, value in enumerate(values))
    return next(filter(None, found), None)


def _object(values: Any, shapes: dict[str, Any], where: str) -> tuple[str, str] | None:
    if not isinstance(values, dict):
        return where, "an object"
    found = (misfit(values[key], shape, f"{where}.{key}")
             for key, shape in shapes.items() if key in values)
    return next(filter(None, found), None)


def misfit(value: Any, shape: Any, where: str = "") -> tuple[str, str] | None:
    """The first place that has not its shape, and what belongs there; None when all fits."""
    match shape:
        case Maybe():
            return None if value is None else misfit(value, shape.shape, where)
        case Row():
            if not isinstance(value, list) or len(value) != shape.length:
                return where, f"a list of {shape.length}"
            return _list(value, shape.shape, where)
        case Every():
            known = dict.fromkeys(value, shape.shape) if isinstance(value, dict) else {}
            return _object(value, known, where)
        case Whole():
            missing = next((key for key in shape.members if key not in value), None) \
                if isinstance(value, dict) else None
            return (f"{where}.{missing}", "a value") if missing else \
                _object(value, shape.members, where)
        case list():
            return _list(value, shape[0], where)
        case dict():
            return _object(value, shape, where)
    return None if _plain(value, shape) else (where, _named(shape))


def wrong_with(command: str, data: Any) -> tuple[str, str] | None:
    """What is wrong with the JSON of `vtxctl COMMAND --json`: where, and what belongs there."""
    found = misfit(data, SHAPES.get(command, {}))
    return (found[0].strip(".") or "the whole", found[1]) if found else None
