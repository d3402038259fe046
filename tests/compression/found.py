"""What a run of discovery may have found, for whoever looks at the pages: a candidate of each worth, and a library."""

from compression import proposals, services
from compression.codec import Library, Template, default_library
from compression.codec.forms import Forms
from compression.models import Candidate, DiscoveryRun

NAMES = ("Ada", "Wei Chen", "Kofi", "Yuki")
ORDER = "ORD-□□□□"
# With signs that nobody sees, with markup, and from right to left.
ENDS = {
    ("bytes", 8_412): " was sent today. Banks need up to three working days to book it.",
    ("speed", -96): " has left our warehouse and arrives soon.\n\nPlease keep the slip.",
    ("meaning", -120): " is in your account. \u202eThank you\u202c for your patience, and <b>good day</b>.",
    ("none", -140): " جاهزة للاستلام.",
}


def furnish() -> None:
    """Store it."""
    bounds = {"first": 1, "last": 900, "position": 900}
    run = DiscoveryRun.objects.create(
        status="done", trigger="samples", total=900, done=900, found=4, proposed=4, **bounds
    )
    for (worth, gain), end in ENDS.items():
        parts = ["Dear ", ", the order ", end]
        said = [(name, "ORD-████") for name in (*NAMES, "██████")]
        Candidate.objects.create(
            digest=proposals.digest(parts),
            parts=parts,
            level="message",
            run=run,
            count=214,
            users=37,
            hits=310,
            saved=29_400,
            carrying=140,
            worth=worth,
            gain=gain,
            used=0 if worth == "none" else 296,
            micros=212.4,
            micros_without=431.7,
            kinds=["list", "id"],
            forms=[list(NAMES), [ORDER]],
            examples=[Template(0, tuple(parts)).fill(values) for values in said],
        )
    new = Template(200, ("Dear ", ", your order ", " is on its way."), (Forms(NAMES), Forms([ORDER, "□□ EUR"])))
    kept = default_library().templates[1:]
    services.install_library(Library([*kept, new], default_library().dictionary), services.Library.Origin.DISCOVERY)
