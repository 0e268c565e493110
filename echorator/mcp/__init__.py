"""A server of the Model Context Protocol: tools and resources that are thin translations of the gRPC API.

`echorator mcp` feeds it the options, an MCP client the calls; each becomes a call of CognitionService or ModelService on a running
server. It needs the package `mcp`, the protocol's official Python SDK, which the extra `echorator[mcp]` installs.
"""
