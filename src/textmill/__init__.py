"""textmill: from raw text to a registered language model.

Importing this package costs nothing and has no side effect; import the room you need.
"""

__version__ = "0.1.0"
