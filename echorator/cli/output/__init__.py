"""What commands print for people: tables, maps, progress, and the state of models."""
