"""Vectors that are near where texts mean the same, as far as a list of synonyms knows: the same in every run."""

import hashlib
import math
import re
from collections.abc import Iterator
from typing import Any

JSON = dict[str, Any]

NUMBERS = 256
MAX_TEXTS = 2048
MAX_CHARS = 32_000
"""Of one text: 8,192 tokens."""

_PARAMETERS = {"model", "input", "encoding_format", "dimensions", "user"}
_GROUPS = (
    "whale whales cetacean cetaceans humpback",
    "sing sings singing song songs melody melodies music",
    "sea seas ocean oceans marine",
    "car cars automobile automobiles vehicle vehicles",
    "buy buys purchase purchases acquire acquires",
    "train trains railway railways locomotive",
    "night nights nocturnal",
)
_SILENT = {
    "a",
    "an",
    "and",
    "are",
    "at",
    "do",
    "does",
    "how",
    "in",
    "is",
    "of",
    "on",
    "the",
    "to",
    "what",
    "which",
    "who",
}
_MEANING = {word: group.split()[0] for group in _GROUPS for word in group.split()}


def fault(body: Any) -> str | None:
    """What OpenAI refuses, in its words."""
    return next(_faults(body), None) if isinstance(body, dict) else "We could not parse the JSON body of your request."


def _faults(body: JSON) -> Iterator[str]:
    for name in sorted(body.keys() - _PARAMETERS):
        yield f"Unrecognized request argument supplied: {name}"
    if not isinstance(body.get("model"), str) or not body["model"]:
        yield "you must provide a model parameter"
    texts = body.get("input")
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
        yield "'$.input' is invalid. Please check the API reference."
        return
    if len(texts) > MAX_TEXTS:
        yield f"'$.input' has more than {MAX_TEXTS} entries."
    if any(len(text) > MAX_CHARS for text in texts):
        yield "This model's maximum context length is 8192 tokens, however you requested more."


def answer(body: JSON) -> JSON:
    texts = body["input"]
    entries = [{"object": "embedding", "index": n, "embedding": vector(text)} for n, text in enumerate(texts)]
    tokens = sum(map(len, texts)) // 4
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": entries[::-1], "model": body["model"], "usage": usage}  # in no certain order


def vector(text: str) -> list[float]:
    words = [word for word in re.findall(r"\w+", text.lower()) if word not in _SILENT] or ["nothing"]
    total = [0.0] * NUMBERS
    for word in words:
        signs = hashlib.blake2b(_MEANING.get(word, word).encode(), digest_size=NUMBERS // 8).digest()
        for n in range(NUMBERS):
            total[n] += 1 if signs[n // 8] >> n % 8 & 1 else -1
    length = math.sqrt(sum(number * number for number in total)) or 1
    return [round(number / length, 6) for number in total]
