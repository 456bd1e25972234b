"""What the OpenAPI document says of names is what is taken, but that it cannot count bytes."""

import re
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from files_app.exceptions import InvalidName
from files_app.names import FOLDER_SCHEMA, FOLDERS, MAX_NAME_BYTES, NAME_SCHEMA, clean_folder, clean_name
from tests.files_app import hostile

NAME, FOLDER = re.compile(str(NAME_SCHEMA["pattern"])), re.compile(str(FOLDER_SCHEMA["pattern"]))
LOOKS = st.text(st.sampled_from("a./\\ \u3000\u2028\u202e:C\x00\x1f\x85é"), max_size=8) | st.text(max_size=20)


def is_taken(name: str) -> bool:
    with suppress(InvalidName):
        return bool(clean_name(name))
    return False


@pytest.mark.parametrize("name", [name for name in hostile.EVERY if name not in hostile.LONG + hostile.SURROGATES])
def test_the_document_refuses_what_is_refused_and_nothing_else(name: str) -> None:
    assert bool(NAME.fullmatch(name)) == is_taken(name)
    assert bool(FOLDER.fullmatch(f"output/{name}")) == is_taken(name.removesuffix("/"))


@settings(max_examples=300, deadline=None)
@given(LOOKS)
def test_any_name(name: str) -> None:
    assert bool(NAME.fullmatch(name)) == is_taken(name)


@pytest.mark.parametrize("folder", ["", "sources", "input/", "output/a", "sources/a/b/"])
def test_folders_that_are_taken(folder: str) -> None:
    assert FOLDER.fullmatch(folder)
    assert clean_folder(folder or "sources")[0] in FOLDERS


@pytest.mark.parametrize(
    "folder", ["source", "sources//", "/sources", "sources/..", "outputs/a", "Sources", "sources\x85"]
)
def test_folders_that_are_refused(folder: str) -> None:
    assert not FOLDER.fullmatch(folder)
    with pytest.raises(InvalidName):
        clean_folder(folder)


@pytest.mark.parametrize("root", ["sources", "input", "output"])
def test_a_folder_as_long_as_the_document_lets_it_be(root: str) -> None:
    limit = int(str(FOLDER_SCHEMA["maxLength"]))
    longest = root + "/" + "a" * min(MAX_NAME_BYTES, limit - len(root) - 1)
    assert clean_folder(longest)
    assert limit - len("sources/") >= MAX_NAME_BYTES - len("/f")  # there is room for all that hold a file
