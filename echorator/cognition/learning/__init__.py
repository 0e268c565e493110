"""Turns texts into memories, and decides what becomes of them: facts, consolidation, forgetting, the map, resonance."""
