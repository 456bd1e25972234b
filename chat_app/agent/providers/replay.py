"""The model that answers as a run of the same person did: `replay:<run id>` at its speed, `replay:<run id>@0` at once.

It is for building clients, and for seeing once more what happened, without a key. Tools are not called again: their
calls are told with the results that they had. Nothing is asked of a provider, and nothing counts as used.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from agents import MaxTurnsExceeded, ModelResponse
from django.utils import timezone

from chat_app.agent.transcript import Transcript, Turn, Used
from chat_app.database import in_database
from chat_app.log.recorded import Recorded, pieces_of, rows_of_run
from chat_app.models import Run
from chat_app.runs.contract import RunError
from sessions_app.models import known
from sessions_app.models.model_context import SUMMARY_TOOL
from sessions_app.providers.served import REPLAY

from .base import ModelCall, RunModel
from .failures import LengthReached, ProviderError

NAME = re.compile(REPLAY + r"([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})(@0)?")
MAX_PAUSE_S = 10.0  # a tool, or a provider that was away, took longer


class Played(NamedTuple):
    """A run that is played again."""

    run_id: UUID
    session_pk: UUID
    finish_reason: str


def played(user_id: UUID, run_id: UUID) -> Played | None:
    """None if the run is not that user's, or is gone: its session, or its log."""
    found = Run.objects.filter(known("session__"), pk=run_id, session__owner=user_id)
    row = found.values_list("session_id", "finish_reason").first()
    return Played(run_id, *row) if row and rows_of_run(row[0], run_id, 0) else None


class ReplayModel(RunModel):
    plays_again = True

    async def answer(self, model_call: ModelCall) -> ModelResponse:
        named = NAME.fullmatch(self.name)
        run = await in_database(played, self.transcript.request.user_id, UUID(named[1])) if named else None
        if named is None or run is None:
            raise ProviderError("model_not_found", message="There is no such run of yours that could be played again.")
        turn = Turn(self.transcript)
        player = Player(self.transcript, turn)
        async for pause_s, event in recorded(run):
            if not named[2]:
                await asyncio.sleep(min(pause_s, MAX_PAUSE_S))
            await player.play(event)
        response = await turn.end(self.name, Used(0, 0), sent=0, cut=run.finish_reason == "length")
        if player.error is not None:
            raise player.error
        match run.finish_reason:
            case "length":
                raise LengthReached
            case "max_turns":
                raise MaxTurnsExceeded("as in the run that is played again")
        return response


async def recorded(run: Played) -> AsyncIterator[Recorded]:
    after, before = 0, timezone.now()  # nothing has come later
    while rows := await in_database(rows_of_run, run.session_pk, run.run_id, after):
        for row in rows:
            for piece in pieces_of(row, before):
                yield piece
            after, before = row.seq, row.at


class Player:
    """Tells the run's writer what each event says."""

    def __init__(self, transcript: Transcript, turn: Turn) -> None:
        self._transcript, self._turn = transcript, turn
        self._message_id: str | None = None
        self._call_ids: dict[str, str] = {}  # then -> now: one that was there before has another
        self._written: set[str] = set()  # calls that the model's context has
        self.error: ProviderError | None = None  # with which the run ended

    async def play(self, event: dict[str, Any]) -> None:
        match event["type"]:
            case "delta":
                if self._message_id not in (None, event["message_id"]):
                    await self._turn.message()
                self._message_id = event["message_id"]
                await self._turn.text(event["content"])
            case "reasoning_delta":
                await self._turn.reasoning(event["content"])
            case "tool_call_arguments_delta" if event["id"] in self._call_ids:
                await self._turn.call_arguments(self._call_ids[event["id"]], event["delta"])
            case "tool_call":
                await self._play_call(event)
            case "error":
                self.error = ProviderError("provider_rejected", detail="as in the run that is played again")
                self.error.error = RunError(event["code"], event["message"], bool(event.get("retryable")))
                self.error.begun = True  # nothing is gained by asking again

    async def _play_call(self, event: dict[str, Any]) -> None:
        name, arguments = event["name"], event["arguments"]
        if name == SUMMARY_TOOL:
            await self._play_summary(event)
            return
        if event["id"] not in self._call_ids:
            await self._begin_call()
            self._call_ids[event["id"]] = await self._turn.call_detected(event["id"], name)
        call_id = self._call_ids[event["id"]]
        if event["status"] == "detected":
            return
        if call_id not in self._written:
            self._written.add(call_id)
            await self._transcript.call_written(
                {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments or "{}"}
            )
        if event["status"] == "executing":
            await self._transcript.tool_started(call_id, name, arguments)
        else:
            await self._transcript.tool_ended(call_id, event["result"], success=bool(event["success"]))

    async def _play_summary(self, event: dict[str, Any]) -> None:
        """A call of the server's own, of which the model knows nothing."""
        if event["id"] not in self._call_ids:
            await self._begin_call()
            self._call_ids[event["id"]] = f"call_{uuid4().hex}"
        await self._transcript.writer.tool_call(
            id=self._call_ids[event["id"]],
            name=event["name"],
            arguments=event["arguments"],
            status=event["status"],
            result=event["result"],
            success=event["success"],
            interrupted=bool(event.get("interrupted")),
        )

    async def _begin_call(self) -> None:
        """What was said before it is a message of its own."""
        await self._turn.message()
        self._message_id = None
