"""Finding templates and dictionary text in answers, without a leak of what only few people saw. Pure.

`Miner` takes answers with the pseudonyms of their users and gives templates; `choose` selects those that earn their place;
`cover` writes the dictionary of the model codec.
"""

from compression.discovery.cover import cover, worthwhile
from compression.discovery.forms import with_forms
from compression.discovery.level import Limits
from compression.discovery.miner import Found, Level, Miner
from compression.discovery.personal import Personal, conservative
from compression.discovery.selection import Chosen, carrying_cost, choose
from compression.discovery.slots import SlotKind, slot_kind

__all__ = [
    "Chosen",
    "Found",
    "Level",
    "Limits",
    "Miner",
    "Personal",
    "SlotKind",
    "carrying_cost",
    "choose",
    "conservative",
    "cover",
    "slot_kind",
    "with_forms",
    "worthwhile",
]
