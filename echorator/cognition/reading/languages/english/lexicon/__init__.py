"""Classes of English words: closed ones as lists, open ones by their ending."""
