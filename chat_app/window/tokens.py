"""How many tokens a text is, counted on this machine.

With the vocabulary of OpenAI's models from GPT-4o on (o200k_base), for which the number of a text's tokens is exact;
what templates put around texts is an estimate. Other models split texts otherwise: the same English is about a tenth
more to many of them, and a fourth more to some; code and other languages differ by more. What a provider reports
corrects the number; see chat_app/agent/gauge.py.
"""

import base64
import gzip
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
from tiktoken import Encoding

VOCABULARY = Path(__file__).parent / "vocabulary" / "o200k_base.tiktoken.gz"
# As https://github.com/openai/tiktoken has it (tiktoken_ext/openai_public.py).
PATTERN = "|".join(  # noqa: FLY002 (one line would be twice too long)
    [
        r"""[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?""",
        r"""[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?""",
        r"""\p{N}{1,3}""",
        r""" ?[^\s\p{L}\p{N}]+[\r\n/]*""",
        r"""\s*[\r\n]+""",
        r"""\s+(?!\S)""",
        r"""\s+""",
    ]
)
# A text is counted in slices, at a token of error each: a word of a million letters would take a second.
SLICE_CHARS = 20_000
TOKENS_PER_ITEM = 8  # the role, the kind, and what a template puts around them
TOKENS_PER_IMAGE = 1_100  # of OpenAI's larger ones; nobody's tokenizer sees them
_TEXTS = ("name", "arguments", "output", "encrypted_content")


def count(text: str) -> int:
    """The first call of a process takes a second, and 75 MB from then on."""
    encode = _encoding().encode_ordinary
    return sum(len(encode(text[start : start + SLICE_CHARS])) for start in range(0, len(text), SLICE_CHARS))


def count_item(item: dict[str, Any]) -> int:
    """Of an input item of the Agents SDK, as it is stored."""
    texts = [str(item[key]) for key in _TEXTS if item.get(key)]
    images = 0
    content = item.get("content")
    for part in content if isinstance(content, list) else [{"text": content or ""}]:
        if isinstance(part, dict):
            images += "image_url" in part
            texts.append(str(part.get("text") or part.get("refusal") or ""))
    return TOKENS_PER_ITEM + images * TOKENS_PER_IMAGE + sum(map(count, texts))


def at_most(items: list[dict[str, Any]]) -> int:
    """An upper bound that needs no vocabulary: no token is shorter than a byte."""
    try:
        encoded = orjson.dumps(items)
    except TypeError:  # halves of characters
        encoded = str(items).encode("utf-8", "surrogatepass")
    return len(encoded) + len(items) * TOKENS_PER_ITEM + encoded.count(b'"image_url"') * TOKENS_PER_IMAGE


@lru_cache(1)
def _encoding() -> Encoding:
    lines = gzip.decompress(VOCABULARY.read_bytes()).splitlines()
    pairs = (line.split() for line in lines)
    ranks = {base64.b64decode(token): int(rank) for token, rank in pairs}
    return Encoding("o200k_base", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens={})
