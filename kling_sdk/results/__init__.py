"""What calls return: tasks, answers, bills and items of a library, and their JSON."""
