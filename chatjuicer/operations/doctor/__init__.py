"""Finds and repairs rows that contradict one another: in databases that were edited by hand, restored in parts, or
written by a version with a fault.

A check finds suspects by queries that may run beside a working server. Each suspect is then examined with its rows
locked, so that a change that is under way is not taken for a fault.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, OperationalError, transaction

from chat_app.exceptions import SessionGone

from . import conversations, counters, files, keys, runs
from .check import Check

logger = logging.getLogger(__name__)

# In this order: what runs and files leave behind is repaired before anything is counted.
CHECKS = [*runs.CHECKS, *conversations.CHECKS, *files.CHECKS, *counters.CHECKS, *keys.CHECKS]


@dataclass(frozen=True, slots=True)
class Finding:
    check: str
    what: str


def findings(repair: bool) -> Iterator[Finding]:
    """All that is wrong, one after the other; with `repair` each is repaired before it is yielded."""
    for check in CHECKS:
        try:
            suspects = list(check.suspects())
        except DatabaseError:
            raise
        except Exception as error:
            logger.exception("doctor: the check %s failed", check.name)
            yield Finding(check.name, f"cannot be checked: {type(error).__name__}")
            continue
        for suspect in suspects:
            if found := finding(check, suspect, repair):
                yield found


def finding(check: Check, suspect: Any, repair: bool) -> Finding | None:
    """What is wrong with the suspect, if anything; one that cannot be examined or mended is wrong, and costs no other
    its turn."""
    try:
        with transaction.atomic():
            found = check.examine(suspect)
            if found and repair:
                found.mend()
    except SessionGone:
        return None
    except OperationalError:
        raise
    except Exception as error:
        logger.exception("doctor: %s: %s failed", check.name, suspect)
        return Finding(check.name, f"{suspect}: cannot be {'mended' if repair else 'examined'}: {type(error).__name__}")
    return Finding(check.name, found.what) if found else None
