"""Keeps what this process knows of providers, groups and budgets: the rows of the admin, and which models each provider
has."""

import asyncio
import contextlib
import logging
import time

from django.conf import settings
from django.db import DatabaseError

from chat_app.database import in_database
from chat_app.models import Budget, ModelProvider
from chatjuicer.accounts.models import GroupAllowance
from chatjuicer.api.exceptions import ApiError
from sessions_app.providers.provider import Provider
from sessions_app.providers.served import providers, registry

from .model_lists import NoList, ask_models

logger = logging.getLogger(__name__)

TICK_S = 1.0
ROWS_EVERY_S = 15.0  # other processes change them, too; this one's own changes count at once
ROWS_AGAIN_S = 2.0  # while the database does not answer
AGAIN_S = 60.0  # after a failure
FIRST_ROWS_TIMEOUT_S = 5.0  # that a run waits for
AT_ONCE = 8  # providers that are asked


class Upkeep:
    """One task, from the first run on until the process ends."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None
        self._read = asyncio.Event()
        self._rows_due = 0.0
        self._due: dict[tuple[str, str], float] = {}  # by name and address

    def start(self) -> None:
        self._read = asyncio.Event()
        self._rows_due, self._due = 0.0, {}
        self._task = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def wait_for_rows(self) -> None:
        """Until they were read once. A database that does not answer stops the run elsewhere."""
        if self._task is not None and not self._read.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FIRST_ROWS_TIMEOUT_S):
                    await self._read.wait()

    async def _keep(self) -> None:
        while True:
            try:
                await self._round()
            except Exception:
                logger.exception("what is known of providers could not be kept up")
            await asyncio.sleep(TICK_S)

    async def _round(self) -> None:
        now = time.monotonic()
        if now >= self._rows_due:
            self._rows_due = now + ROWS_EVERY_S
            try:
                await in_database(ModelProvider.objects.publish)
                await in_database(GroupAllowance.objects.publish)
                await in_database(Budget.objects.publish)
                self._read.set()
            except (ApiError, DatabaseError) as error:
                self._rows_due = now + ROWS_AGAIN_S
                logger.info(
                    "The providers, groups and budgets of the admin could not be read: %s", type(error).__name__
                )
        due = [provider for provider in providers() if self._is_due(provider, now)][:AT_ONCE]
        await asyncio.gather(*map(self._ask, due))

    def _is_due(self, provider: Provider, now: float) -> bool:
        asked = provider.kind.lists_models and settings.MODEL_LIST_EVERY_S > 0
        return asked and self._due.get((provider.name, provider.url), 0.0) <= now

    async def _ask(self, provider: Provider) -> None:
        pause_s = settings.MODEL_LIST_EVERY_S
        try:
            registry.put_list(provider, await ask_models(provider))
        except NoList as error:  # the last list stays
            pause_s = min(pause_s, AGAIN_S)
            name = provider.name or "the default provider"
            logger.info("There is no list of the models of %s: %s", name, error)
        self._due[provider.name, provider.url] = time.monotonic() + pause_s


upkeep = Upkeep()
