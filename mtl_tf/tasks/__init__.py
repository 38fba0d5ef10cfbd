"""What a task is: its classes, how native labels become targets, and the one list of metrics."""
