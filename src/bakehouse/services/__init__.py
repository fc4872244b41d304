"""AWS's doors: for each service an explicit table of operations, shapes in and out, and its errors.

Only here and in ``wire`` are things spelled as AWS spells them.
"""
