"""Which agent gets which request, and in which order: pure, or nearly; the clock is passed in."""
