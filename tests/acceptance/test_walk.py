"""docs/architecture.md, "Hop by hop": the functions are there, and are passed in that order."""

import re
from pathlib import Path

from tests.acceptance.walk.notes import VARIABLE
from tests.harness.after_loading import ROOT, python_path
from tests.harness.client import signed_in
from tests.harness.sites import Sites

TEXT = (ROOT / "docs" / "architecture.md").read_text()
HOP = re.compile(r"^\d+\. `([\w/]+\.py)` `([\w.]+)`", re.MULTILINE)


def hops(beginning: str, end: str) -> list[str]:
    part = TEXT[TEXT.index(beginning) : TEXT.index(end)]
    return [f"{path}:{function}" for path, function in HOP.findall(part)]


MESSAGE = hops("The message, from the socket to the model:", "A delta, from the model to the socket:")
DELTA = hops("A delta, from the model to the socket:", "## One end, from anywhere")


async def test_a_message_and_its_answer_pass_these_functions_in_this_order(sites: Sites, tmp_path: Path) -> None:
    for name, walk in (("message", MESSAGE), ("delta", DELTA)):
        (tmp_path / name).write_text("\n".join(walk))
    environment = {VARIABLE: str(tmp_path), "PYTHONPATH": python_path(Path(__file__).parent / "walk")}
    with sites.own(environment, processes=1) as site:
        async with signed_in(site.url) as alice:
            session = await alice.create_session()
            async with alice.chat(session, after=0) as chat:
                (tmp_path / "begin").touch()
                await chat.ask("wait 1; say 3 words")  # the start has gone out before the first word comes
    assert len(MESSAGE) > 8 and len(DELTA) > 8
    assert (tmp_path / "message-noted").read_text().split() == MESSAGE
    assert (tmp_path / "delta-noted").read_text().split() == DELTA
