"""Silero VAD: a small recurrent network that tells speech from music, keys and doors. One core, 0.1 ms a frame.

Its package is not imported, for it needs PyTorch; the network is read from its file.
"""

import importlib.util
import threading
from pathlib import Path
from typing import Any, Final

import numpy as np

from streaming.audio.activity import FRAME
from streaming.audio.pcm import RATE, Samples
from streaming.speech.base import NoEngine

_FILE: Final = "silero_vad_16k_op15.onnx"
#: Samples of the frame before that the network sees again.
_CONTEXT: Final = 64


def weights() -> Path | None:
    """Return the file of the network, None when it is not installed."""
    found = importlib.util.find_spec("silero_vad")
    for place in found.submodule_search_locations or () if found else ():
        file = Path(place) / "data" / _FILE
        if file.exists():
            return file
    return None


def installed() -> bool:
    """Return whether it can be loaded."""
    return weights() is not None and importlib.util.find_spec("onnxruntime") is not None


_lock = threading.Lock()
_session: Any = None


def load() -> Any:
    """Return the network, which all listeners share: what it remembers of one is passed in and out. Raises NoEngine."""
    global _session  # noqa: PLW0603 - one network a process
    with _lock:
        if _session is None:
            file = weights()
            if file is None or not installed():
                raise NoEngine("Silero VAD is not installed (docs/how-to/voice.md)")
            import onnxruntime

            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = options.inter_op_num_threads = 1
            options.log_severity_level = 3
            _session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        return _session


class SileroDetector:
    """Listens to one speaker; see `Detector`."""

    def __init__(self) -> None:
        self._network = load()
        self._rate = np.array(RATE, np.int64)
        self._before: Samples = np.zeros(_CONTEXT, np.float32)
        self._state: Samples = np.zeros((2, 1, 128), np.float32)

    def __call__(self, frame: Samples) -> float:
        line = np.empty((1, _CONTEXT + FRAME), np.float32)
        line[0, :_CONTEXT] = self._before
        line[0, _CONTEXT:] = frame
        self._before = line[0, -_CONTEXT:].copy()
        out, self._state = self._network.run(None, {"input": line, "state": self._state, "sr": self._rate})
        return float(out[0, 0])

    def reset(self) -> None:
        self._before = np.zeros(_CONTEXT, np.float32)
        self._state = np.zeros((2, 1, 128), np.float32)
