"""Reports of a task's status to the URL that its creator gave."""
