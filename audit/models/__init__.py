"""Tables of the record.

The ledger: Entry and, apart from it, the sealed Content. What stands beside the ledger is checked against it: a Summary is
folded from entries; every other row is `Tracked`: each time it is written, an entry of the kind `state` says so, with a
digest of all its columns (audit.tracking).
"""

from audit.models.conversation import Conversation, Share, Shelved
from audit.models.erasure import Hold, Receipt, RetentionPolicy
from audit.models.examination import Examination, Flag, NameSearch, Rule, Word
from audit.models.ledger import Checkpoint, Content, Entry, Node, Summary
from audit.models.review import Note, Review, SavedFilter
from audit.models.subject import Key, Subject, Tracked, VaultState

__all__ = [
    "Checkpoint",
    "Content",
    "Conversation",
    "Entry",
    "Examination",
    "Flag",
    "Hold",
    "Key",
    "NameSearch",
    "Node",
    "Note",
    "Receipt",
    "RetentionPolicy",
    "Review",
    "Rule",
    "SavedFilter",
    "Share",
    "Shelved",
    "Subject",
    "Summary",
    "Tracked",
    "VaultState",
    "Word",
]
