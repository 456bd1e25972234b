"""A text that is written often, with gaps: `{{customer}}`."""

from __future__ import annotations

import re
from typing import ClassVar

from chatjuicer.accounts.models import Act
from chatjuicer.encryption import EncryptedTextField

from .named import Named, NamedManager

MAX_TEXT_CHARS = 16_000
VARIABLE = re.compile(r"\{\{\s*([^{}\n]{1,64}?)\s*\}\}")


class PromptManager(NamedManager["Prompt"]):
    pass


class Prompt(Named):
    MOST = 200
    DELETED = Act.PROMPT_DELETED
    NAME = re.compile(r"[^\x00-\x20\x7f/][^\x00-\x20\x7f]*")
    NAME_IS = "A word without spaces is expected."

    text = EncryptedTextField(max_length=MAX_TEXT_CHARS, help_text="with variables, such as {{customer}}")

    objects: ClassVar[PromptManager] = PromptManager()

    @property
    def variables(self) -> list[str]:
        """Their names, each once, in the order of the text."""
        return list(dict.fromkeys(VARIABLE.findall(self.text)))
