"""`tunesmith mcp` as an assistant uses it: a process of its own, by the official client."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import tunesmith as ts

mcp = pytest.importorskip("mcp", reason="the package mcp is not installed")
if not hasattr(mcp, "Client"):
    pytest.skip("needs version 2 of mcp", allow_module_level=True)
anyio = pytest.importorskip("anyio")

pytestmark = [pytest.mark.outer, pytest.mark.slow]


@asynccontextmanager
async def serving(*words: str) -> AsyncIterator[Any]:
    parameters = mcp.StdioServerParameters(
        command=sys.executable,
        args=["-m", "tunesmith", "mcp", *words],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    async with mcp.stdio_client(parameters) as (reading, writing), mcp.ClientSession(reading, writing) as session:
        yield session


async def call(session: Any, name: str, **arguments: Any) -> tuple[Any, bool]:
    answer = await session.call_tool(name, arguments)
    (content,) = answer.content
    assert json.loads(content.text) == answer.structured_content
    return answer.structured_content, bool(answer.is_error)


def test_a_search_through_the_official_client(tmp_path: Path) -> None:
    where = str(tmp_path / "tune.db")

    async def search() -> None:
        async with serving(where, "--write") as session:
            begun = await session.initialize()
            assert begun.server_info.name == "tunesmith"
            assert "too good" in begun.instructions
            tools = {tool.name: tool for tool in (await session.list_tools()).tools}
            assert {name for name, tool in tools.items() if not tool.annotations.read_only_hint} == {
                "ask",
                "tell",
                "enqueue",
            }
            assert tools["tell"].input_schema["required"] == ["number"]
            asked, _ = await call(
                session, "ask", params={"x": "float(-1, 1)"}, minimize=["loss"], sampler="random", seed=0
            )
            for number in range(6):
                assert asked["number"] == number
                told, is_error = await call(session, "tell", number=number, value=asked["params"]["x"] ** 2)
                assert not is_error, told
                asked, _ = await call(session, "ask")
            for name, arguments in [("tell", {"number": "a"}), ("nothing", {}), ("best", {"study": "none"})]:
                answer, is_error = await call(session, name, **arguments)
                assert is_error
                assert answer["error"]
            best, is_error = await call(session, "best")
            assert not is_error
            low, high = best["interval"]
            assert low <= best["expected_value"] <= high

    anyio.run(search)
    study = ts.load_study(study_name="study", storage=where)
    assert [t.state.name for t in study.trials] == ["COMPLETE"] * 6 + ["RUNNING"]

    async def look() -> None:
        async with serving(where) as session:
            await session.initialize()
            assert [tool.name for tool in (await session.list_tools()).tools] == [
                "list_studies",
                "best",
                "explain",
                "trials",
                "curves",
            ]
            answer, is_error = await call(session, "tell", number=6, value=1)
            assert is_error
            assert "--write" in answer["error"]
            answer, is_error = await call(session, "best")
            assert not is_error

    anyio.run(look)
    assert study.trials[6].state.name == "RUNNING"


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGINT for one process")
def test_what_is_no_message_is_passed_over_and_ctrl_c_ends_the_server(tmp_path: Path) -> None:
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    with subprocess.Popen(
        [sys.executable, "-m", "tunesmith", "mcp", str(tmp_path / "tune.db")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        for line in ("no message", json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello})):
            print(line, file=server.stdin, flush=True)
        assert json.loads(server.stdout.readline())["result"]["serverInfo"]["name"] == "tunesmith"
        server.send_signal(signal.SIGINT)
        assert server.wait(60) == -signal.SIGINT
