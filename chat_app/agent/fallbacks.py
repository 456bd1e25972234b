"""The models that may answer a run: the one that was chosen, and those that are asked in its place where its provider
fails before it has said a word."""

import logging
import time

from django.conf import settings

from sessions_app import catalogue
from sessions_app.allowed import is_allowed

from .providers.base import RunModel
from .providers.choice import model_for
from .providers.failures import ProviderError
from .transcript import Transcript

logger = logging.getLogger(__name__)

# A request that the provider rejects, or that is too long, would fare no better elsewhere, or be shortened first.
PASSED_OVER = {
    "provider_unavailable",
    "provider_timeout",
    "provider_quota",
    "provider_rate_limited",
    "provider_auth",
    "provider_protocol",
    "model_not_found",
}
PATIENCE_S = 5.0  # with a provider that fails, while another can be asked
REST_S = 30.0  # a model that was passed over is not the first to be asked for so long

_resting: dict[str, float] = {}  # by name, until when


class Fallbacks:
    def __init__(self, chosen: str, transcript: Transcript) -> None:
        now = time.monotonic()
        self._chosen, self._transcript = chosen, transcript
        # Those that rest come last, and may be back by then.
        may = [name for name in catalogue.chain(chosen) if is_allowed(name, transcript.allowance)]
        self._waiting = sorted(may, key=lambda name: _resting.get(name, 0.0) > now)

    @property
    def patience_s(self) -> float | None:
        """How long the model that was given last is tried again; None: as long as usual."""
        return min(PATIENCE_S, settings.MODEL_PATIENCE_S) if self._waiting else None

    async def next(self, error: ProviderError | None = None) -> RunModel:
        """The first model, or the next one after this error, and whoever looks on is told. Raises the error where there
        is none left."""
        if error is not None and error.error.code not in PASSED_OVER:
            raise error
        while self._waiting:
            name = self._waiting.pop(0)
            try:
                model = model_for(name, self._transcript)
            except ProviderError as unknown:
                error = error or unknown
                continue
            if name != self._chosen:
                await self._tell(name)
            return model
        raise error or ProviderError("model_not_found", detail="there is no model")

    async def _tell(self, name: str) -> None:
        logger.warning("The provider of %s fails: %s answers in its place", self._chosen, name)
        message = f"The provider of {self._chosen} is not available. {name} answers in its place."
        await self._transcript.writer.status("fallback", message)


def rest(name: str) -> None:
    _resting[name] = time.monotonic() + REST_S


def forget() -> None:
    _resting.clear()
