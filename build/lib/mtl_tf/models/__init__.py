"""Trunks of the papers, heads, and what puts them together with a front end."""
