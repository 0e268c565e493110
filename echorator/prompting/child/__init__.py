"""Runs untrusted programs in child processes that can be killed: chat templates, JSON schemas and long texts to tokenize.

A template comes with a model file, a schema and a text with a request, and each of them can loop, recurse or allocate
endlessly in code that nothing can stop from within. So each runs in a child process of its model, under bounds on
time, memory and output; beyond a bound the child is killed, the request fails with an explanation, and a new child takes the next job.

`frames` is the wire format, `main` the child, `*_duty` what a child can do; `process` is one child as its parent sees it,
`lane` its queue and replacement, `bounds` the limits and the words of refusals. The agent uses these through
`model_template`, `schema_grammars` and `text_tokenizer`.
"""
