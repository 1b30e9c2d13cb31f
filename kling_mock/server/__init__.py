"""`KlingMock`: the composition of emulator, relay and controls, which is only done here."""
