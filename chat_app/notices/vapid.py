"""Who this server is to push services: Voluntary Application Server Identification (RFC 8292)."""

import base64
import time
from functools import lru_cache
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings

TOKEN_S = 12 * 3600
"""How long a token is good for; a push service takes none that is good for more than a day."""

KEY_BYTES = 32


def private_key() -> ec.EllipticCurvePrivateKey:
    """Raises ValueError where VAPID_PRIVATE_KEY is none."""
    return _read(settings.VAPID_PRIVATE_KEY)


def public_key() -> str:
    """What a browser subscribes with: the uncompressed point in base64url."""
    return base64url(private_key().public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


def authorization(endpoint: str) -> str:
    """The header for a push service."""
    parts = urlsplit(endpoint)
    claims = {
        "aud": f"{parts.scheme}://{parts.netloc}",
        "exp": int(time.time()) + TOKEN_S,
        "sub": settings.VAPID_SUBJECT,
    }
    token = jwt.encode(claims, private_key(), algorithm="ES256")
    return f"vapid t={token}, k={public_key()}"


@lru_cache(maxsize=4)
def _read(text: str) -> ec.EllipticCurvePrivateKey:
    number = from_base64url(text)
    if len(number) != KEY_BYTES:
        raise ValueError("not as long as a private key")
    return ec.derive_private_key(int.from_bytes(number), ec.SECP256R1())


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """With padding or without. Raises ValueError."""
    return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), altchars=b"-_", validate=True)
