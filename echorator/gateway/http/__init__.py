"""The OpenAI-compatible HTTP server of the gateway, on Starlette and uvicorn, over the same buffer as its gRPC server.

`bodies` declares the fields of a request, `translation` converts them to gRPC messages and answers to OpenAI objects (both pure), `api` has
the routes, `server` the listening socket, `failures` the errors.
"""
