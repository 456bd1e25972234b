"""docs/protocol.md says what protocol.py says."""

import re
from pathlib import Path

import msgspec
import pytest

from chat_app import protocol

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "protocol.md").read_text()
FENCED = re.compile(r"```json\n(.*?)```", re.DOTALL)


def sections(level: str, text: str) -> dict[str, str]:
    """Text below each heading of a level."""
    parts = re.split(rf"^{level} (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


CHAPTERS = sections("##", TEXT)
COMMANDS = {name.strip("`"): text for name, text in sections("###", CHAPTERS["Commands"]).items()}
SAID = {
    name.strip("`"): text
    for chapter in ("Events", "Controls")
    for name, text in sections("###", CHAPTERS[chapter]).items()
}


def types_of(base: type[msgspec.Struct]) -> dict[str, type[msgspec.Struct]]:
    return {str(struct.__struct_config__.tag): struct for struct in base.__subclasses__()}


def documented_fields(text: str) -> set[str]:
    """The names in the first column of the section's table."""
    cells = re.findall(r"^\|([^|]*`[^|]*)\|", text, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def test_every_command_is_there() -> None:
    assert set(COMMANDS) == set(types_of(protocol.Command))


def test_every_event_and_control_is_there() -> None:
    assert set(SAID) == set(types_of(protocol.Event))


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_has_the_documented_fields_and_its_example_is_obeyed(name: str) -> None:
    struct = types_of(protocol.Command)[name]
    assert documented_fields(COMMANDS[name]) == {field.name for field in msgspec.structs.fields(struct)}
    (example,) = FENCED.findall(COMMANDS[name])
    assert isinstance(protocol.parse_command(example), struct)


@pytest.mark.parametrize("name", sorted(SAID))
def test_an_event_has_the_documented_fields_and_its_example_has_them_too(name: str) -> None:
    struct = types_of(protocol.Event)[name]
    fields = {field.name for field in msgspec.structs.fields(struct)}
    assert documented_fields(SAID[name]) == fields
    (example,) = FENCED.findall(SAID[name])
    msgspec.json.decode(example, type=struct)
    assert set(msgspec.json.decode(example)) - {"type"} <= fields


def test_every_code_of_an_error_is_explained() -> None:
    sources = ["chat_app/exceptions.py", "chat_app/agent/providers/failures.py", "files_app/attachments.py"]
    code = "".join((ROOT / path).read_text() for path in sources)
    said = re.findall(r'code = "(\w+)"|^    "(\w+)": "', code, re.MULTILINE)
    assert len(said) > 10
    assert [name for pair in said for name in pair if name and f"| `{name}` |" not in CHAPTERS["Error codes"]] == []


def test_every_close_code_that_is_sent_is_explained() -> None:
    explained = set(re.findall(r"^\| (\d{4}) \|", CHAPTERS["The socket"], re.MULTILINE))
    code = "".join(
        path.read_text() for room in ("chat_app", "chatjuicer") for path in sorted((ROOT / room).rglob("*.py"))
    )
    assert set(re.findall(r"\b(44\d\d)\b", code)) <= explained
