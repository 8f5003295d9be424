"""Options of the file system: names of keys, and never a key."""

from __future__ import annotations

import re
from typing import Any

from ._native import Key

# How somebody would write a secret itself.
_SECRET = re.compile(r"AGE-SECRET-KEY-|AGE-PLUGIN-|PRIVATE KEY|^[0-9a-fA-F]{64}\s*$", re.IGNORECASE)
_SECRET_NAMES = re.compile(r"^(raw_?)?(key|keys|identity|identities|passphrase|password|secret|token)$")
# Options that would run something: refused whatever they say.
_RUNNING = re.compile(r"command|_cmd$|import|callable")

_MAKERS: dict[str, Any] = {
    "identity_file": Key.identity_file,
    "key_file": Key.raw_file,
    "passphrase_file": Key.passphrase_file,
    "identity_env": lambda name: Key.environment(name, "identity"),
    "key_env": lambda name: Key.environment(name, "raw"),
    "passphrase_env": lambda name: Key.environment(name, "passphrase"),
    "key_name": Key.registered,
}
_HINT = (
    "options travel in pickles, graphs, logs and catalogues: name a file (identity_file=, "
    "key_file=, passphrase_file=), an environment variable (identity_env=, ..) or a registered "
    "key (key_name=)"
)


def keys_and_recipients(
    named: dict[str, Any], recipients: Any, context: Any, others: dict[str, Any]
) -> tuple[Any, Any]:
    """What opens, and what is sealed to; the texts of secrets are in no message."""
    for name in others:
        if _SECRET_NAMES.search(name):
            raise TypeError(f"the option {name!r} would hold a secret; {_HINT}")
        if _RUNNING.search(name):
            raise TypeError(f"the option {name!r} is refused: no option runs a command or code")
    keys = []
    for name, value in named.items():
        for text in value if isinstance(value, (list, tuple)) else [value]:
            if text is not None:
                keys.append(_MAKERS[name](_plain(name, text)))
    if context is not None:
        _plain("context", context)
    to: Any = None
    if recipients is not None:
        given = [recipients] if isinstance(recipients, str) else list(recipients)
        to = [_plain("recipients", text) for text in given]
    key = keys or None
    if to is None and keys:
        to = keys[0] if len(keys) == 1 else keys
    return key, to


def _plain(name: str, text: Any) -> str:
    if not isinstance(text, str):
        raise TypeError(f"the option {name!r} must be text, not {type(text).__name__}; {_HINT}")
    if _SECRET.search(text):
        raise ValueError(f"the option {name!r} holds a secret itself; {_HINT}")
    return text
