"""When does learning tasks together help: cells, gains, and what they tell."""
