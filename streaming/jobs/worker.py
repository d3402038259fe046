"""A worker: a process that computes slices of jobs, one after the other, and ends when its server does.

Tasks come in on standard input and outcomes go out on standard output, pickled behind a length of four bytes. Both ends are
AURA's own; nothing that a client sent is ever unpickled.
"""

import os
import signal
import sys

from streaming.jobs.slices import Outcome, Task, compute, message, read_message

# The loop of the server comes first.
NICENESS = 5


def main() -> None:
    """Answer tasks until the server closes the pipe. An exception is an answer too."""
    # The server decides when its workers end; a terminal's Ctrl-C reaches all processes at once.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICENESS)
    source, target = sys.stdin.buffer, sys.stdout.buffer
    # What anything prints must not get between the answers.
    sys.stdout = sys.stderr
    while (task := read_message(source)) is not None:
        assert isinstance(task, Task)
        answer: Outcome | Exception
        try:
            answer = compute(task)
        except Exception as error:
            answer = error
        try:
            target.write(message(answer))
            target.flush()
        except BrokenPipeError:
            return


if __name__ == "__main__":
    main()
