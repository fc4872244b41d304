"""bakehouse runs AWS machine-learning workflows for real, on one machine."""

__version__ = "0.1.0"
