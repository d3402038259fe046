"""Errors of the datasets.

DatasetError          a request or an input that cannot be worked on
├── BadParameter      a value outside its range; has `parameter` and `allowed`
└── BadEnvelope       a JSON body that is none, or lacks `input_data`
"""

from collections.abc import Mapping


class DatasetError(Exception):
    """What is wrong, in a sentence for the one who asked."""


class BadParameter(DatasetError):
    """`allowed` is a piece of JSON schema: minimum and maximum, or enum."""

    def __init__(self, message: str, parameter: str, allowed: Mapping[str, object]) -> None:
        super().__init__(message)
        self.parameter = parameter
        self.allowed = dict(allowed)


class BadEnvelope(DatasetError):
    pass
