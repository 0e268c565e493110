"""The dialogue of `echorator chat` on a terminal, and the one answer of `chat PROMPT`.

`lines`, `values`, `transcript`, `window` and `markdown` are pure: what a line means, what may be set, what was said, what leaves the
prompt, how an answer is drawn. `talk` and `remembered` call the server, `saved`, `history`, `clipboard`, `screen`, `typed` and `edited` do
the rest of the I/O, `actions` carries out the commands, and `loop` holds the dialogue.
"""
