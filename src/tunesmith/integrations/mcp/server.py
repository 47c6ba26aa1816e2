"""``tunesmith mcp``: studies for assistants, by the Model Context Protocol over standard input and output."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Any

import click

from tunesmith import __version__
from tunesmith.cli.asking import LEASE_SECONDS
from tunesmith.cli.options import STANDARD_STORAGE, STORAGE_VARIABLE
from tunesmith.cli.output import echo, json_text
from tunesmith.cli.run import TIME
from tunesmith.errors import MissingDependencyError
from tunesmith.foundation.reader import in_english
from tunesmith.foundation.text import name_and_message

if TYPE_CHECKING:
    from tunesmith.integrations.mcp.tools import Toolbox


@click.command(
    epilog="An assistant's settings have it as: "
    '{"mcpServers": {"tunesmith": {"command": "tunesmith", "args": ["mcp", "/path/to/tune.db"]}}}'
)
@click.argument("storage", envvar=STORAGE_VARIABLE, default=STANDARD_STORAGE)
@click.option("--write", is_flag=True, help="Allow ask, tell and enqueue; else nothing can be changed.")
@click.option(
    "--lease",
    type=TIME,
    default=LEASE_SECONDS,
    help="For how long a trial is left to the assistant that asked for it (1d).",
)
def mcp(storage: str, write: bool, lease: float) -> None:
    """Serve studies to an assistant by the Model Context Protocol, read-only unless --write is given.

    It speaks over standard input and output. The file STORAGE need not exist yet.
    """
    from tunesmith.integrations.mcp.tools import Toolbox

    try:
        import anyio
        import mcp as protocol

        if not hasattr(protocol, "Client"):
            raise ImportError("version 1 of it is installed")
    except ImportError as error:
        raise MissingDependencyError(
            f"tunesmith mcp needs the package mcp, version 2 or later: pip install 'tunesmith[mcp]' ({error})"
        ) from error
    if sys.stdin.isatty():
        echo("An assistant starts this program, and speaks JSON to it: see docs/mcp.md. Ctrl-C ends it.", err=True)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # the thread that reads would keep the program until its input ends
    anyio.run(serve, Toolbox(storage, write=write, lease=lease))


async def serve(box: Toolbox) -> None:
    """Serve tools over standard input and output, until that ends.

    Args:
        box: the tools.
    """
    from anyio import CapacityLimiter, to_thread
    from mcp import types
    from mcp.server.lowlevel import Server
    from mcp.server.stdio import stdio_server

    one = CapacityLimiter(1)  # tool at a time

    async def list_tools(ctx: Any, params: Any) -> Any:
        listed = [
            types.Tool(
                name=tool.name,
                description=tool.description,
                input_schema=tool.schema,
                annotations=types.ToolAnnotations(
                    read_only_hint=not tool.writes, destructive_hint=False, open_world_hint=False
                ),
            )
            for tool in box.tools
        ]
        return types.ListToolsResult(tools=listed)

    async def call_tool(ctx: Any, params: Any) -> Any:
        answer, is_error = await to_thread.run_sync(answered, box, params.name, params.arguments, limiter=one)
        text = json_text(answer, None)
        content = [types.TextContent(type="text", text=text)]
        return types.CallToolResult(content=content, structured_content=answer, is_error=is_error)

    server: Any = Server(
        "tunesmith",
        version=__version__,
        instructions=box.instructions,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())


def answered(box: Toolbox, name: str, arguments: Any) -> tuple[dict[str, Any], bool]:
    """Return the answer to a call, and whether it is an error; nothing that a call does ends the server.

    Args:
        box: the tools.
        name: of the tool.
        arguments: what was given for it.
    """
    from tunesmith.integrations.mcp.tools import ToolError
    from tunesmith.storage.redact import redact_within

    try:
        with in_english():
            return box.call(name, arguments), False
    except ToolError as error:
        return {"error": str(error)}, True
    except Exception as error:
        return {"error": redact_within(name_and_message(error))}, True
