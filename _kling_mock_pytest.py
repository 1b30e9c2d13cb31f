"""The pytest plugin's entry point: it imports pytest only, so an unused plugin costs nothing."""
