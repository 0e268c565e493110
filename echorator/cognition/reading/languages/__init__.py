"""What differs by language: the words and frames by which facts, questions and requests are read."""
