"""The OpenAI-compatible HTTP side of the gateway, on Starlette and uvicorn, over the same buffer as its gRPC side.

`bodies` says what a request may hold, `translation` makes gRPC messages of it and OpenAI objects of the answers (both pure), `api` has the
routes, `server` the listening socket, `failures` the errors.
"""
