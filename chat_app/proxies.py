"""Between this server and providers."""

from functools import lru_cache

import aiohttp
from aiohttp.helpers import get_env_proxy_for_url
from yarl import URL


@lru_cache(maxsize=256)
def proxy_for(url: str) -> tuple[URL | None, aiohttp.BasicAuth | None]:
    """The proxy that the environment names (`HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY`), and what it is to be told.

    By itself (`trust_env`) the client looks for it before each request, in two threads and in files: a tenth of the
    processor time of a message.
    """
    try:
        return get_env_proxy_for_url(URL(url))
    except LookupError:
        return None, None
