"""A trained model in the formats of other runtimes, each checked against the PyTorch model."""

from textmill.modeling.exports.export import FORMATS, Exported, export

__all__ = ["FORMATS", "Exported", "export"]
