"""The log: acts in streams, and names for streams. Nothing outside this room knows how they are kept."""
