"""From messages to prompts and from schemas to grammars: chat templates, control tokens, JSON schemas, tokenizing.

What a client or a model file brings along to be run is run in the child processes of `child`.
"""
