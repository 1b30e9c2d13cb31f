"""Support for the pytest fixtures, loaded by the first test that uses one."""
