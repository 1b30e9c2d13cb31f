"""The relay's decisions: prices, states, schedules, wire format. No I/O, clock or randomness."""
