"""What the memory finds, what it keeps over a year, how fast it is, and what it costs a chat. Figures are in `bench/MEMORY.md`."""
