from chat_app.agent.transcript import Transcript
from sessions_app.catalogue import asks_nobody
from sessions_app.providers.served import Served, plays_again, served

from .base import RunModel
from .chat_completions import ChatCompletionsModel
from .demo import DemoModel
from .failures import ProviderError
from .replay import ReplayModel
from .responses import ResponsesModel


def model_for(name: str, transcript: Transcript) -> RunModel:
    """The model that answers a run. A session made while there was no provider keeps its `demo`; any other name is the
    demo's too while there is none. Raises ProviderError if nobody has a model of that name any more."""
    if plays_again(name):
        return ReplayModel(name, transcript)
    at = served(name)
    if at is not None:
        return model_at(name, at, transcript)
    if asks_nobody(name):
        return DemoModel(name, transcript)
    raise ProviderError("model_not_found", detail="no provider has it")


def model_at(name: str, at: Served, transcript: Transcript) -> RunModel:
    wire = ChatCompletionsModel if at.provider.api == "chat_completions" else ResponsesModel
    return wire(name, at, transcript)
