"""`manage.py prove`: proofs from the record's tree, as JSON."""

import base64
import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.errors import AuditError
from audit.models import Entry
from audit.proofs import StoredTree, newest_head, prove_consistency, prove_inclusion


class Command(BaseCommand):
    help = (
        "Print the proof that an entry is on the record, or that an older head is the beginning of the present record."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--entry", type=int, help="number of an entry: an inclusion proof")
        which.add_argument("--since", type=int, help="number of entries of an older head: a consistency proof")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            note, head = newest_head()
            tree = StoredTree()
            told: dict[str, Any] = {"checkpoint": note}
            if options["entry"] is not None:
                proof = prove_inclusion(options["entry"], note, head, tree).hashes
                leaf = Entry.objects.values_list("hash", flat=True).get(seq=options["entry"])
                told |= {"entry": options["entry"], "leaf": _text(leaf)}
            else:
                proof = prove_consistency(options["since"], head, tree)
                told |= {"since": options["since"]}
        except AuditError as error:
            raise CommandError(f"{error}.") from None
        self.stdout.write(json.dumps({**told, "proof": [_text(value) for value in proof]}, indent=1))


def _text(data: bytes | memoryview) -> str:
    return base64.b64encode(bytes(data)).decode()
