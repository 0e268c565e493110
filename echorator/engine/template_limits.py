"""The limits of a chat template and of the prompt that it writes; the same for Jinja and Go templates. In characters."""

LONGEST_SOURCE = 256 * 1024
LONGEST_PROMPT = 8 << 20
