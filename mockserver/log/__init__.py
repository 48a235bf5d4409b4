"""The log: acts in streams, and names for streams. How they are stored is private to this room."""
