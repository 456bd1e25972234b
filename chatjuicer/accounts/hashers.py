import re

import bcrypt
from django.contrib.auth.hashers import Argon2PasswordHasher, BCryptPasswordHasher

MAX_BCRYPT_BYTES = 72
"""Of a password; bcrypt has always passed over the rest."""

# A factor above 15 would let one wrong password cost half a minute of a processor.
BCRYPT_HASH = re.compile(r"\$2[aby]\$(?:0[4-9]|1[0-5])\$[./A-Za-z0-9]{53}")


class FrugalArgon2(Argon2PasswordHasher):
    """Argon2id with OWASP's first choice of parameters.

    Django's own take 100 MiB and eight threads for each password: a few people who sign in at once would fill a
    small machine.
    """

    time_cost = 2
    memory_cost = 19_456  # KiB
    parallelism = 1


class BroughtBcrypt(BCryptPasswordHasher):
    """Of accounts that came from a server which hashed by bcrypt (`manage.py import_chatjuicer`), until their first
    sign-in: Django then hashes the password by the first of PASSWORD_HASHERS."""

    def encode(self, password: str, salt: bytes) -> str:  # type: ignore[override]  # of this kind, bytes
        hashed = bcrypt.hashpw(password.encode()[:MAX_BCRYPT_BYTES], salt)
        return f"{self.algorithm}${hashed.decode()}"

    @classmethod
    def stored(cls, hash: str) -> str | None:
        """How a user's row has a hash of another server's; None for what is none."""
        return f"{cls.algorithm}${hash}" if BCRYPT_HASH.fullmatch(hash) else None
