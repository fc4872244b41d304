"""The Amazon States Language, pure: from a definition's text to a machine, and from step to step.

Nothing here reads a clock, draws a random number of its own, or does input or output.
"""
