"""The MCP server itself: lists the tools and resources and answers their calls. `transports` connects it to clients."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListResourcesResult,
    ListToolsResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    Resource,
    TextContent,
    TextResourceContents,
)
from mcp_types import Tool as ListedTool

from echorator import __version__
from echorator.mcp.calls import Calls, NotThere, Whose
from echorator.mcp.memory_tools import MemoryTools, profile
from echorator.mcp.model_tools import ModelTools
from echorator.mcp.tool import Tool, ToolFailure
from echorator.rpc.v1 import cognition_pb2 as pb

PROFILE, GOALS = "echorator://profile", "echorator://goals"
_INSTRUCTIONS = (
    "A memory of the user that lasts across conversations. Recall before you answer what may depend on earlier conversations{write}."
)
_WRITE = ", and remember what the user tells that will matter later"


class Service:
    """The tools, by name, and the resources of one scope on one server."""

    def __init__(self, calls: Calls, whose: Whose, read_only: bool, models: bool) -> None:
        memory = MemoryTools(calls, whose)
        tools: list[Tool[Any]] = [*memory.reading()]
        if not read_only:
            tools += memory.writing()
        if models:
            tools += ModelTools(calls, whose, read_only).all()
        self.tools = {tool.name: tool for tool in tools}
        self._listed: list[ListedTool] = [tool.listed() for tool in tools]
        self._calls = calls
        self._whose = whose
        self._instructions = _INSTRUCTIONS.format(write="" if read_only else _WRITE)

    def server(self) -> Server[Any]:
        """Return the server of the SDK that these answer."""
        return Server(
            "echorator",
            version=__version__,
            title="Echorator",
            instructions=self._instructions,
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
            on_list_resources=self._list_resources,
            on_read_resource=self._read_resource,
        )

    async def _list_tools(self, _context: object, _params: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=self._listed)

    async def _call_tool(self, _context: object, params: CallToolRequestParams) -> CallToolResult:
        tool = self.tools.get(params.name)
        if tool is None:
            raise MCPError(INVALID_PARAMS, f"there is no tool {params.name[:140]!r}; there are {', '.join(self.tools)}")
        try:
            answer = await tool.run(params.arguments or {})
        except ToolFailure as failure:
            return CallToolResult(content=[TextContent(type="text", text=str(failure))], is_error=True)
        values = answer.values.model_dump(mode="json")
        return CallToolResult(content=[TextContent(type="text", text=answer.text)], structured_content=values)

    async def _list_resources(self, _context: object, _params: PaginatedRequestParams | None) -> ListResourcesResult:
        return ListResourcesResult(
            resources=[
                Resource(uri=PROFILE, name="profile", title="Profile", description="What is known of the user.", mime_type="text/plain"),
                Resource(uri=GOALS, name="goals", title="Goals", description="What the user is after.", mime_type="text/plain"),
            ]
        )

    async def _read_resource(self, _context: object, params: ReadResourceRequestParams) -> ReadResourceResult:
        uri = str(params.uri)
        try:
            if uri == PROFILE:
                text = (await profile(self._calls, self._whose)).text
            elif uri == GOALS:
                text = await self._goals()
            else:
                raise MCPError(INVALID_PARAMS, f"there is no resource {uri[:140]!r}; there are {PROFILE} and {GOALS}")
        except ToolFailure as failure:
            raise MCPError(INTERNAL_ERROR, str(failure)) from failure
        return ReadResourceResult(contents=[TextResourceContents(uri=uri, text=text, mime_type="text/plain")])

    async def _goals(self) -> str:
        found = pb.GetGoalsResponse()
        with suppress(NotThere):
            async with self._calls.memory() as memory:
                found = await memory.GetGoals(pb.GetGoalsRequest(scope=self._whose.scope()))
        return "\n".join(goal.text for goal in found.goals) or "No goals are set."
