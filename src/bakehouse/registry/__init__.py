"""The registry: model packages in their groups, and the tags of everything that can have some."""

from bakehouse.registry.packages import ModelPackages
from bakehouse.registry.tags import Tags

__all__ = ["ModelPackages", "Tags"]
