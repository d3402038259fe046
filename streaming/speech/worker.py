"""A worker: a process that holds one speech engine, does one job after the other, and ends when its server does.

A process of its own, for three reasons: native code that crashes takes nothing with it but one job; the engines' threads and
libraries (OpenMP, oneDNN, ONNX Runtime) never meet those of the language model; and Python's lock is the event loop's alone.
Jobs come in on standard input and answers go out on standard output, pickled behind a length of four bytes. Both ends are
AURA's own; nothing that a client sent is ever unpickled: samples are arrays by then.
"""

import signal
import sys
from collections.abc import Callable
from typing import Any

from streaming.jobs.slices import message, read_message
from streaming.speech.base import Job, SpeechError


def _whisper() -> Any:
    from streaming.speech.whisper import Whisper

    return Whisper()


def _hibari() -> Any:
    from streaming.speech.hibari import Hibari

    return Hibari()


def _double_recogniser() -> Any:
    from streaming.speech.doubles import DoubleRecogniser

    return DoubleRecogniser()


def _double_synthesiser() -> Any:
    from streaming.speech.doubles import DoubleSynthesiser

    return DoubleSynthesiser()


ENGINES: dict[str, Callable[[], Any]] = {
    "whisper": _whisper,
    "hibari": _hibari,
    "double-recogniser": _double_recogniser,
    "double-synthesiser": _double_synthesiser,
}


def main(name: str) -> None:
    """Load the engine, say so (None, or the error), and answer jobs until the server closes the pipe."""
    # The server decides when its workers end; a terminal's Ctrl-C reaches all processes at once.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    source, target = sys.stdin.buffer, sys.stdout.buffer
    # What anything prints must not get between the answers.
    sys.stdout = sys.stderr

    def say(answer: object) -> None:
        target.write(message(answer))
        target.flush()

    try:
        try:
            engine = ENGINES[name]()
        except Exception as error:
            say(error if isinstance(error, SpeechError) else SpeechError(f"{name} could not be loaded: {error}"))
            return
        say(None)
        while (job := read_message(source)) is not None:
            assert isinstance(job, Job)
            try:
                answer: object = getattr(engine, job.method)(*job.given, **job.named)
            except SpeechError as error:
                answer = error
            except Exception as error:
                answer = SpeechError(f"{name} failed: {error}")
            say(answer)
    except BrokenPipeError:
        return


if __name__ == "__main__":
    main(sys.argv[1])
