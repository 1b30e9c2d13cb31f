"""`KlingMock`: the one place where emulator, relay and controls are composed."""
