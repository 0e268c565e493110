"""The OpenAPI document of the HTTP APIs.

`openapi` makes it of the memory's endpoints, and of what `models` and `further` say of other APIs.
"""
