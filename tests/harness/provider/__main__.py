import argparse
import asyncio

import uvloop

from tests.harness.provider.server import Provider


def main() -> None:
    parser = argparse.ArgumentParser(description="An OpenAI-compatible provider for tests.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    provider = Provider(options.host, options.port)
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(provider.serve(lambda: print(provider.url, flush=True)))


if __name__ == "__main__":
    main()
