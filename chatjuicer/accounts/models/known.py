from dataclasses import dataclass


@dataclass(slots=True)
class Known:
    """What a process knows of rows that set something, so that where there are none, nobody looks into the database for
    them."""

    any: bool | None = None  # None: it was not read yet

    @property
    def may_be(self) -> bool:
        return self.any is not False
