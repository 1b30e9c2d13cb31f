"""The relay's decisions: prices, money, states, schedules, wire form. No I/O, clock or chance."""
