"""What the pytest fixtures need, loaded by the first test that uses one."""
