"""The results of calls: tasks, answers, bills and items of a library, and their JSON."""
