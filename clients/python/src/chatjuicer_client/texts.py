"""Text that can be sent."""


def sendable(text: str) -> str:
    """Bytes of an argument, or of what was piped in, that Python could not read, are the characters that they are in
    UTF-8; U+FFFD stands in the place of all else that UTF-8 cannot hold."""
    try:
        text.encode()
        return text
    except UnicodeEncodeError:
        pass
    try:
        return text.encode(errors="surrogateescape").decode(errors="replace")
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
