"""What a person reads: tables on the terminal, one HTML report per run."""
