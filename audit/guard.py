"""How much a prompt looks like prompt injection: a small model that reads English, beside the patterns of the rules.

The model is SecureVector Guardian (Apache-2.0): words and characters, weighed, in plain Python. It is optional: without its
package, or with AURA_PROMPT_GUARD off, there are no scores, and the patterns alone flag. Some milliseconds a prompt, so it
never runs where an answer waits. `python -m benchmarks.guard` says how well it does.
"""

import importlib.util
import logging
import threading
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings

log = logging.getLogger(__name__)

# Of a longer prompt so many characters of both its ends are read; what the model makes of the middle costs too much.
REACH = 10_000
# A sentence or two that are sure to be an attack speak for all of the text. At the package's own 0.86 one question in
# thirty of a school examination does.
PASSAGE = 0.95
_loading = threading.Lock()


def score(text: str) -> float | None:
    """Return from 0 to 1 how much a prompt looks like an attack, None without a model. Bounded: some 70 ms at worst."""
    model = _model() if settings.AUDIT_PROMPT_GUARD else None
    if model is None:
        return None
    from svguardian.window import predict_windowed

    ends = [text] if len(text) <= 2 * REACH else [text[:REACH], text[-REACH:]]
    return max(float(predict_windowed(model, end, window_min_score=PASSAGE)["malicious_score"]) for end in ends)


def _model() -> Any:
    with _loading:
        return _loaded()


@cache
def _loaded() -> Any:
    """Return the model, None when it is not installed. 33 MB and 0.2 s, once a process that needs it."""
    found = importlib.util.find_spec("svguardian")
    for folder in found.submodule_search_locations or () if found else ():
        # Its own search for the file would go to the network when it is not there.
        file = Path(folder) / "_runtime" / "guardian.runtime.json.gz"
        if file.exists():
            from svguardian.model.pure_infer import PureGuardian

            return PureGuardian.load(str(file))
    log.info("prompts are not scored: the package securevector-guardian-model is not installed")
    return None
