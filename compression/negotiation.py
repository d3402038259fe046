"""Which content coding a client asks for (RFC 9110, 8.4 and 12.5.3). Pure: a header in, a name out."""

import re
from collections.abc import Sequence
from typing import Final

# Codings that need a dictionary which the client holds already (RFC 9842).
WITH_DICTIONARY: Final = ("dcz", "dcb")
# What an older name stands for (RFC 9110, 8.4.1.3).
ALIASES: Final = {"x-gzip": "gzip"}
# Codings looked at in one header: there are a dozen in the registry.
MOST_NAMED: Final = 32

_QUALITY = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")


def weights(accept: str) -> dict[str, float]:
    """Return how much a client likes each coding that an `Accept-Encoding` names, 0 to 1; 0 for a weight that is none."""
    found: dict[str, float] = {}
    for part in accept.lower().split(",", MOST_NAMED)[:MOST_NAMED]:
        name, *parameters = (piece.strip(" \t") for piece in part.split(";"))
        if not name:
            continue
        weight = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip(" \t") == "q":
                value = value.strip(" \t")
                weight = float(value) if _QUALITY.fullmatch(value) else 0.0
        found.setdefault(ALIASES.get(name, name), weight)
    return found


def negotiated(accept: str, offered: Sequence[str]) -> str:
    """Return the coding to use, one of `offered`, or empty for none (RFC 9110, 12.5.3).

    What the client likes best; of equals the first offered; none when it likes `identity` better than all of them. `*`
    stands for the ordinary codings only: who takes a dictionary says so by name. A client that wants nothing of all this,
    nor identity, gets identity: better than no answer.
    """
    liked = weights(accept)
    others = liked.get("*", 0.0)
    found = {name: liked.get(name, 0.0 if name in WITH_DICTIONARY else others) for name in offered}
    best = max(offered, key=lambda name: found[name], default="")
    if not best or found[best] <= 0.0 or liked.get("identity", 0.0) > found[best]:
        return ""
    return best
