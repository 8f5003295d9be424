# SPDX-License-Identifier: MIT OR Apache-2.0
"""What F-332 demands of the text of sealed metadata; reference.py seals and opens it."""
import json

STRINGS = ("name", "size", "mtime", "mode", "media_type")


def only_once(items):
    if len({name for name, _ in items}) < len(items):
        raise ValueError("a member twice")
    return dict(items)


def no_constant(name):
    raise ValueError(name)


def all_strings(values):
    return all(isinstance(value, str) for value in values)


def depth(value):
    """Arrays and objects that are open at once."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


def acceptable(text):
    """Whether these bytes are an object of RFC 8259 with the members of section 3.4 in their types."""
    try:
        m = json.loads(text.decode("utf-8"), object_pairs_hook=only_once, parse_constant=no_constant, parse_int=float)
        json.dumps(m, ensure_ascii=False).encode("utf-8")  # half of a surrogate pair is no character
    except (ValueError, RecursionError):
        return False
    return (isinstance(m, dict) and depth(m) <= 64
            and all_strings(m[name] for name in STRINGS if name in m)
            and isinstance(m.get("slots", []), list) and all_strings(m.get("slots", []))
            and isinstance(m.get("user", {}), dict) and all_strings(m.get("user", {}).values())
            and m.get("name", "x") not in ("", ".", "..") and not set(m.get("name", "")) & set("/\\\0"))
