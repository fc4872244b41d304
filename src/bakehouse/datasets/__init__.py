"""Labelled images: read from CIFAR archives, drawn by code, and written as folders and ``.lst``.

Everything passes as a :class:`~bakehouse.datasets.labelled.Dataset`; ``prepare.py`` puts the parts
together for those who only want the images.
"""
