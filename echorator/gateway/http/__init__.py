"""The HTTP server of the gateway, on Starlette and uvicorn, over the same buffer as its gRPC server.

It serves OpenAI's and Anthropic's APIs, and the memory.

`bodies` declares the fields of a request, `translation` converts them to gRPC messages (both pure), `api` has
the routes, `server` the listening socket, `failures` the errors and `forms` their form in each API. `responses` and `messages` are APIs of
their own, `generating` is what all of them share.
"""
