"""What the HTTP APIs of chats have in common: `calls` runs their requests, `streaming` writes their events, and the rest is pure.

`tools` reads the tools of a request, `segments` divides an answer into thoughts, texts and calls. Fed by the handlers of each API.
"""
