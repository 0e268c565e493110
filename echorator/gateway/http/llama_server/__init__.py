"""The endpoints of llama-server beside OpenAI's: tokens, templates, properties and its own form of completions."""
