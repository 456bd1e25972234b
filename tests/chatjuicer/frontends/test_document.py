"""docs/frontends.md says what a server answers."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

from tests.harness.sites import Sites

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "frontends.md"
SHELL = re.compile(r"```sh\n(.*?)```", re.DOTALL)


def test_its_lines_give_what_it_says(sites: Sites) -> None:
    lines = [line for block in SHELL.findall(DOCUMENT.read_text()) for line in block.splitlines()]
    script = "\n".join(f"echo; echo '@@{line[2:]}'" if line.startswith("# ") else line for line in lines)
    assert "'" not in "".join(line for line in lines if line.startswith("# "))
    with sites.own(processes=1, demo=True) as site:
        script = script.replace("http://127.0.0.1:8000", site.url)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, timeout=60, check=False
        )
    assert (done.returncode, done.stderr) == (0, "")
    *answers, rest = re.split(r"^@@", done.stdout, flags=re.MULTILINE)
    assert len(answers) == sum(line.startswith("# ") for line in lines) > 25
    given = answers[0]
    for following in [*answers[1:], rest]:
        expected, _, given_next = following.partition("\n")
        if expected[0] in "[{":
            assert holds(json.loads(given), json.loads(expected)), (expected, given)
        else:
            assert given.strip() == expected
        given = given_next


def holds(given: Any, expected: Any) -> bool:
    """Whether `given` is `expected`, but for fields that are not named."""
    if isinstance(expected, dict) and isinstance(given, dict):
        return all(name in given and holds(given[name], value) for name, value in expected.items())
    if isinstance(expected, list) and isinstance(given, list):
        return len(given) == len(expected) and all(map(holds, given, expected))
    return bool(given == expected)
