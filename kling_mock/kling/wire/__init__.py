"""How replies and callbacks of the emulated Kling look, one module per interface."""
