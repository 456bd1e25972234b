"""Exit statuses."""

from chatjuicer_client.errors import ChatJuicerError

DONE = 0
FAILED = 1
WRONG_USE = 2  # argparse's own
NOT_SIGNED_IN = 3
AWAITING_APPROVAL = 4
UNREACHABLE = 5
INTERRUPTED = 130


def of_error(error: ChatJuicerError) -> int:
    if error.status == 401:
        return NOT_SIGNED_IN
    return UNREACHABLE if error.code == "unreachable" else FAILED
