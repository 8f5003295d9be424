"""The stubs say what the module has, and everything public has a type."""

import json
import os
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent.parent


def run(*command, cwd=None):
    # Compiled Python is kept nowhere near the sources; basedpyright looks for packages where the
    # first python on the search path has them.
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "")])
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PATH": path}
    done = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, cwd=cwd, env=environment
    )
    return done.returncode, done.stdout + done.stderr


def test_the_stubs_are_those_of_the_module(tmp_path):
    code, said = run("mypy.stubtest", "stream_v2._native", cwd=tmp_path)
    assert code == 0, said


def test_the_package_holds_under_strict_types(tmp_path):
    config = ["--config-file", str(PACKAGE / "pyproject.toml"), "--cache-dir", str(tmp_path)]
    code, said = run("mypy", "--strict", *config, "python/stream_v2", cwd=PACKAGE)
    assert code == 0, said


def test_everything_public_has_a_type(tmp_path):
    asked = ["--verifytypes", "stream_v2", "--ignoreexternal", "--outputjson"]
    _, said = run("basedpyright", *asked, cwd=tmp_path)
    report = json.loads(said)["typeCompleteness"]
    symbols = [each for each in report["symbols"] if each["isExported"]]
    assert len(symbols) > 60
    bare = [each["name"] for each in symbols if not each["isTypeKnown"]]
    # fsspec has no types, so a class that stands on its classes has none that is known.
    assert bare == ["stream_v2.filesystem.Sv2FileSystem"], said
