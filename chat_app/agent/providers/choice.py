from django.conf import settings

from chat_app.agent.transcript import Transcript
from sessions_app import catalogue

from .base import RunModel
from .chat_completions import ChatCompletionsModel
from .demo import DemoModel
from .replay import PREFIX, ReplayModel
from .responses import ResponsesModel


def model_for(name: str, transcript: Transcript) -> RunModel:
    """The model that answers a run. A session made while there was no key keeps its `demo`; any other name is the
    demo's too while there is none."""
    if name.startswith(PREFIX):
        return ReplayModel(name, transcript)
    if name == catalogue.DEMO_MODEL or catalogue.provider() == "demo":
        return DemoModel(name, transcript)
    wire = ChatCompletionsModel if settings.OPENAI_API == "chat_completions" else ResponsesModel
    return wire(name, transcript)
