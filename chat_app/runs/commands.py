"""Start, stop and decide, as sockets and REST ask for it: each checks the command and runs one transaction."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from uuid import UUID

from chat_app.database import in_database
from chat_app.exceptions import BadFrame
from chat_app.models import Approval, Run, Started
from chat_app.protocol import ApprovalCommand, SendMessage, UserInput
from chat_app.window.fit import require_fit
from chatjuicer.accounts.models import GroupAllowance
from sessions_app.allowed import require_allowed
from sessions_app.catalogue import REASONING_EFFORTS, require_known
from sessions_app.models import ChatSession

from .process import process

FITS_ANY_WINDOW = 500  # characters, which are not worth a look at the session's model


async def start_run(session_pk: UUID, user_id: UUID, command: SendMessage, *, past_question: bool = False) -> Started:
    """Raises BadFrame, MessageTooLarge, UnknownModel, ModelNotAllowed, and what `Run.objects.start` raises, which says
    what `past_question` is."""
    inputs = inputs_of(command)
    if command.model:
        require_known(command.model)
        if GroupAllowance.objects.lists.may_be:
            await in_database(require_allowed, user_id, command.model)
    if sum(len(given.content) for given in inputs) > FITS_ANY_WINDOW:
        await in_database(require_inputs_fit, session_pk, command.model, inputs)
    return await accept_run(session_pk, user_id, partial(begin, session_pk, command, inputs, past_question))


async def accept_run(session_pk: UUID, user_id: UUID, verb: Callable[[str], Started]) -> Started:
    """Raises what `verb` raises. It is given the name of this process, or "" if that takes no more runs."""
    supervisor = process.supervisor
    if supervisor is None:
        return await process.journal.transact(partial(verb, ""), session_pk)
    with supervisor.place_for(user_id) as owner:
        return await process.journal.transact(partial(verb, owner), session_pk, committed=supervisor.adopt_claimed)


def require_inputs_fit(session_pk: UUID, asked_for: str | None, inputs: list[UserInput]) -> None:
    """Whether the messages fit into the model's window. Counted before the journal's transaction, for which others
    wait. Raises MessageTooLarge."""
    model = asked_for or ChatSession.objects.filter(pk=session_pk).values_list("model", flat=True).first()
    if model:
        require_fit([given.content for given in inputs], model)


def begin(session_pk: UUID, command: SendMessage, inputs: list[UserInput], past_question: bool, owner: str) -> Started:
    return Run.objects.start(
        session_pk,
        inputs,
        model=command.model or "",
        reasoning_effort=effort_of(command),
        client_id=command.client_id or "",
        on_busy=command.on_busy or "queue",
        past_question=past_question,
        owner=owner,
    )


def inputs_of(command: SendMessage) -> list[UserInput]:
    inputs = [UserInput(item) if isinstance(item, str) else item for item in command.messages]
    for given in inputs:
        if not given.content.strip() and not given.attachments:
            raise BadFrame("A message must not be blank.", code="blank_message")
        if "\x00" in given.content:
            raise BadFrame("A message must not contain NUL.")
    return inputs


def effort_of(command: SendMessage) -> str:
    effort = command.reasoning_effort or ""
    if effort and effort not in REASONING_EFFORTS:
        raise BadFrame("The reasoning effort is unknown.", code="unknown_reasoning_effort")
    return effort


async def decide(session_pk: UUID, command: ApprovalCommand) -> Approval:
    """Raises ApprovalGone. The audit log is told of who acts in the caller's context."""
    verb = partial(
        copy_context().run,
        Approval.objects.decide,
        session_pk,
        command.approval_id,
        command.decision,
        command.reason or "",
        command.always,
    )
    return await process.journal.transact(verb, session_pk)


async def stop_run(session_pk: UUID, run_id: UUID | None) -> Run | None:
    """End the run in the database, whoever executes it. Its owner sees the `stream_end` in the log."""
    verb = partial(Run.objects.interrupt, session_pk, run_id)
    return await process.journal.transact(verb, session_pk, urgent=True)
