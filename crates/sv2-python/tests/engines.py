"""An engine whose first attempt at one part dies: `python engines.py ENGINE URL TARGET KEY JOB MARK`.

The process that runs part 2 for the first time kills itself with SIGKILL before it seals, and the one
that runs part 3 behind the store's answer, so that a part is there of which nobody has a receipt.
"""

import functools
import importlib
import os
import signal
import sys
from pathlib import Path

import stream_v2 as sv2
from stream_v2.parts import encrypt_object

EXAMPLES = Path(__file__).parent.parent / "examples"


def mortal(function, marks, task):
    mark = Path(marks) / f"part-{task.part}"
    die_now, die_behind = ((task.part == part and not mark.exists()) for part in (2, 3))
    if die_now or die_behind:
        mark.touch()
    if die_now:
        os.kill(os.getpid(), signal.SIGKILL)
    receipt = function(task)
    if die_behind:
        os.kill(os.getpid(), signal.SIGKILL)
    (Path(marks) / f"pid-{os.getpid()}").touch()
    return receipt


def main(name, source, target, recipient, identity, marks):
    sys.path.insert(0, str(EXAMPLES))
    with importlib.import_module(f"encrypt_object_{name}").engine() as run:
        encrypt_object(
            source,
            target,
            to=recipient,
            identity=sv2.Key.identity_file(identity),
            part_size=8 << 20,
            map=lambda function, tasks: run(functools.partial(mortal, function, marks), tasks),
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
