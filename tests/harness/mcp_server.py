"""An MCP server with every fault: `python mcp_server.py NAME [DIRECTORY]`. By hand, for the SDK's would not misbehave.

NAME `mute` never answers, `dead` ends at once, `endless` talks without being asked, `crowd` has too many tools, and
says for ever that there is another page of them.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

NAME = sys.argv[1]
DIRECTORY = Path(sys.argv[2]) if len(sys.argv) > 2 else Path()
STRING = {"type": "object", "properties": {"text": {"type": "string"}}}


def tool(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "description": f"{name} of {NAME}", "inputSchema": STRING, **more}


TOOLS = [
    tool("repeat"),
    tool("read_file"),  # also a name of the agent's own
    tool("die"),
    tool("hang"),
    tool("garbage"),
    tool("flood"),
    tool("long"),
    tool("lie"),
    tool("refuse"),
    tool("environment"),
    tool("work_slowly"),
    tool("erase", annotations={"destructiveHint": True}),
    tool("huge_schema", inputSchema={"type": "object", "description": "x" * 100_000}),
]
if NAME == "crowd":
    TOOLS = [tool(f"one_of_many_{number}") for number in range(500)]


def say(message: Any) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def text(said: str, **more: Any) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": said}], **more}


def call(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    said = str(arguments.get("text", ""))
    match name:
        case "die":
            os._exit(1)
        case "hang":
            sys.exit(sys.stdin.read() and None)  # until nobody is there any more
        case "garbage":
            for _ in range(100):
                sys.stdout.write('{"jsonrpc": broken\n\x00\xff not JSON\n')
            say({"jsonrpc": "2.0", "id": "nobody asked", "result": {}})
            say([1, 2, 3])
        case "flood":
            line = "x" * 1024 * 1024
            for _ in range(100):
                sys.stdout.write(line)
            sys.stdout.write("\n")
        case "long":
            return text("long " * 200_000)
        case "lie":
            return {"content": "not a list"}
        case "refuse":
            return text("I will not.", isError=True)
        case "environment":
            return text(json.dumps(sorted(os.environ)))
        case "work_slowly":
            with (DIRECTORY / "worked").open("a") as file:
                file.write(f"{said}\n")
            time.sleep(3)
        case "erase":
            (DIRECTORY / "erased").touch()
    return text(f"{NAME} {name}: {said}")


def answer(method: str, parameters: dict[str, Any]) -> dict[str, Any] | None:
    match method:
        case "initialize":
            info = {"name": NAME, "version": "1"}
            return {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": info}
        case "tools/list" if NAME == "crowd":
            page = int(parameters.get("cursor", 0))
            return {"tools": TOOLS[page * 20 :][:20], "nextCursor": str(page + 1)}
        case "tools/list":
            return {"tools": TOOLS}
        case "tools/call":
            return call(parameters["name"], parameters.get("arguments") or {})
        case "ping":
            return {}
    return None


def main() -> None:
    if NAME == "dead":
        sys.exit("no licence")
    if NAME == "mute":
        sys.stdin.read()
    while NAME == "endless":
        say({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "x" * 100}})
    for line in sys.stdin:
        request = json.loads(line)
        if "id" not in request:
            continue
        result = answer(request["method"], request.get("params") or {})
        head = {"jsonrpc": "2.0", "id": request["id"]}
        say(
            head
            | ({"error": {"code": -32601, "message": "Method not found"}} if result is None else {"result": result})
        )


if __name__ == "__main__":
    main()
