"""What of a WebRTC offer (SDP, RFC 8866) may reach the library that reads it."""

OFFER_LIMIT = 16_384
CANDIDATE_LIMIT = 16
# Without these nobody can meet, or would know whom he met.
_NEEDED = ("a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:")


def clean_offer(sdp: str, *, candidates: bool) -> str:
    """Return the offer of one data channel, its lines ended as SDP wants it. Raises ValueError for any other.

    Without `candidates` the addresses in it are left out: the server then answers who calls, and nobody can have it send
    packets to an address of his choice. Names of the local network (`.local`) are left out in any case, and so is the
    end of the list, because who calls from an address that the offer could not name is welcome too.
    """
    if len(sdp) > OFFER_LIMIT:
        raise ValueError(f"an offer has at most {OFFER_LIMIT} characters")
    lines = sdp.splitlines()
    if not lines or lines[0] != "v=0":
        raise ValueError("an offer is a session description: it begins with v=0")
    media = [line for line in lines if line.startswith("m=")]
    if len(media) != 1 or not media[0].startswith("m=application "):
        raise ValueError("offer one data channel, and no audio or video")
    for needed in _NEEDED:
        if not any(line.startswith(needed) for line in lines):
            raise ValueError(f"the offer has no line {needed}")
    found = [line for line in lines if line.startswith("a=candidate:") and ".local " not in line]
    kept = set(found[:CANDIDATE_LIMIT]) if candidates else set()
    out = [
        line
        for line in lines
        if line in kept or not (line.startswith("a=candidate:") or line.startswith("a=end-of-candidates"))
    ]
    return "\r\n".join(out) + "\r\n"
