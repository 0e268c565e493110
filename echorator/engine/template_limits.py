"""The limits of a chat template and of the prompt that it writes; the same for Jinja and Go templates. In characters."""

from echorator.settings import LONGEST_TEMPLATE

LONGEST_SOURCE = LONGEST_TEMPLATE
LONGEST_PROMPT = 8 << 20
