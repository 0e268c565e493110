"""Anthropic's Messages API. `bodies` declares what is taken, `translation` converts it to gRPC messages, `answers` writes what comes back.

`api` has the handlers; the form of its errors is in `forms`.
"""
