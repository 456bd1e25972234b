import pytest
from websockets.frames import Frame, Opcode

from chatjuicer.socket_protocol import frame_of


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 200_000])
def test_a_frame_is_what_the_library_makes(size: int) -> None:
    for text in ("x" * size, "é" * size):
        assert frame_of(text) == Frame(Opcode.TEXT, text.encode()).serialize(mask=False)


def test_one_text_is_encoded_once() -> None:
    text = "one text"
    first = frame_of(text)
    assert frame_of(text) is first
    assert frame_of("another") != first
