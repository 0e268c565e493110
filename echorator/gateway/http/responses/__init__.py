"""OpenAI's Responses API.

`bodies` declares what is taken, `translation` converts it to gRPC messages, `objects` and `events` write the answer, `kept` holds the
responses that a later one may go on from, `api` has the handlers.
"""
