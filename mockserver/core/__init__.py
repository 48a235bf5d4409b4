"""The rules of the emulated world: pure functions of state, parameters and time."""
