"""What a text says: its sentences, what each of them does, and the facts that it states. Pure."""
