"""The frames of English verbs: what facts each states of its subject and the words behind it."""
