"""The states of a run, in a module of their own for what needs no more of a run than these."""

from django.db import models


class RunStatus(models.TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    AWAITING_APPROVAL = "awaiting_approval"
    COMPLETED = "completed"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


ACTIVE = (RunStatus.RUNNING, RunStatus.AWAITING_APPROVAL)  # one of a session at most
LIVE = (RunStatus.QUEUED, *ACTIVE)
ENDED = (RunStatus.COMPLETED, RunStatus.INTERRUPTED, RunStatus.FAILED)
