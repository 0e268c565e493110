"""The commands that get models, look after them and talk to them."""
