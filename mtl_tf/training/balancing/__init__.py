"""How the losses of tasks become one step: one method per file, `balancing.py` what they share."""
