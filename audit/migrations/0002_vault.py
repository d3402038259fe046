"""The vault: content sealed under a key per subject, a Merkle tree with signed heads, summaries of turns.

What an earlier record held is set aside in a table of its own; migration 0003 seals it.
"""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from audit import immutability

SET_ASIDE = """
CREATE TABLE audit_old AS
SELECT e.seq, e.conversation_id, e.stream, e.epoch, e."offset", e.kind, e.actor, e.at, c.body
FROM audit_entry e JOIN audit_content c ON c.entry_id = e.seq
"""


def without_triggers(apps, schema_editor):
    immutability.remove(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunPython(without_triggers),
        migrations.RunSQL(SET_ASIDE),
        migrations.DeleteModel(name="Content"),
        migrations.DeleteModel(name="Entry"),
        migrations.CreateModel(
            name="Subject",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False, verbose_name="pseudonym"
                    ),
                ),
                ("name", models.CharField(max_length=150, null=True, unique=True, verbose_name="name")),
                ("erased", models.DateTimeField(null=True, verbose_name="erased")),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="subjects",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "subject",
                "verbose_name_plural": "subjects",
                "ordering": ("name",),
            },
        ),
        migrations.CreateModel(
            name="Key",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("purpose", models.CharField(max_length=8, verbose_name="purpose")),
                ("master", models.CharField(max_length=16, verbose_name="wrapped by")),
                ("wrapped", models.BinaryField(max_length=60, verbose_name="wrapped key")),
                (
                    "subject",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="keys",
                        to="audit.subject",
                        verbose_name="subject",
                    ),
                ),
            ],
            options={
                "verbose_name": "key",
                "verbose_name_plural": "keys",
            },
        ),
        migrations.CreateModel(
            name="VaultState",
            fields=[
                ("id", models.IntegerField(primary_key=True, serialize=False)),
                ("version", models.BigIntegerField(verbose_name="version")),
            ],
            options={
                "verbose_name": "state of the vault",
                "verbose_name_plural": "states of the vault",
            },
        ),
        migrations.CreateModel(
            name="Entry",
            fields=[
                ("seq", models.BigIntegerField(primary_key=True, serialize=False, verbose_name="number")),
                (
                    "conversation",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="entries",
                        to="audit.conversation",
                        verbose_name="conversation",
                    ),
                ),
                ("stream", models.UUIDField(verbose_name="stream")),
                ("epoch", models.IntegerField(verbose_name="epoch")),
                ("offset", models.BigIntegerField(verbose_name="offset")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("prompt", "prompt"),
                            ("chunk", "chunk"),
                            ("done", "done"),
                            ("fault", "fault"),
                            ("control", "control"),
                            ("delivery", "delivery"),
                            ("state", "state"),
                            ("access", "access"),
                            ("erasure", "erasure"),
                        ],
                        max_length=8,
                        verbose_name="kind",
                    ),
                ),
                (
                    "subject",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="entries",
                        to="audit.subject",
                        verbose_name="actor",
                    ),
                ),
                ("at", models.BigIntegerField(help_text="Microseconds since 1 January 1970, UTC", verbose_name="time")),
                ("content_hash", models.BinaryField(max_length=32, verbose_name="hash of the content")),
                ("previous", models.BinaryField(max_length=32, verbose_name="hash before")),
                ("hash", models.BinaryField(max_length=32, verbose_name="hash")),
            ],
            options={
                "verbose_name": "entry",
                "verbose_name_plural": "entries",
                "ordering": ("seq",),
            },
        ),
        migrations.CreateModel(
            name="Content",
            fields=[
                (
                    "entry",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="content",
                        serialize=False,
                        to="audit.entry",
                        verbose_name="entry",
                    ),
                ),
                ("body", models.BinaryField(verbose_name="sealed content")),
            ],
            options={
                "verbose_name": "content",
                "verbose_name_plural": "contents",
            },
        ),
        migrations.CreateModel(
            name="Checkpoint",
            fields=[
                ("size", models.BigIntegerField(primary_key=True, serialize=False, verbose_name="entries")),
                ("note", models.TextField(verbose_name="signed head")),
                ("nodes", models.BinaryField(verbose_name="nodes")),
            ],
            options={
                "verbose_name": "checkpoint",
                "verbose_name_plural": "checkpoints",
                "ordering": ("-size",),
            },
        ),
        migrations.CreateModel(
            name="Node",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "level", "place", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("level", models.SmallIntegerField(verbose_name="level")),
                ("place", models.BigIntegerField(verbose_name="place")),
                ("hash", models.BinaryField(max_length=32, verbose_name="hash")),
            ],
            options={
                "verbose_name": "node",
                "verbose_name_plural": "nodes",
            },
        ),
        migrations.CreateModel(
            name="Summary",
            fields=[
                ("stream", models.UUIDField(primary_key=True, serialize=False, verbose_name="stream")),
                ("at", models.BigIntegerField(db_index=True, verbose_name="time")),
                (
                    "state",
                    models.CharField(
                        choices=[("open", "open"), ("done", "done"), ("cancelled", "cancelled"), ("fault", "fault")],
                        max_length=9,
                        verbose_name="state",
                    ),
                ),
                ("model", models.CharField(max_length=128, verbose_name="model")),
                ("tier", models.CharField(max_length=16, verbose_name="tier")),
                ("cost_nano", models.BigIntegerField(verbose_name="cost in 10^-9 US dollars")),
                ("prompt_tokens", models.BigIntegerField(verbose_name="tokens of the prompt")),
                ("completion_tokens", models.BigIntegerField(verbose_name="tokens of the answer")),
                ("text_bytes", models.BigIntegerField(verbose_name="bytes of text")),
                ("wire_bytes", models.BigIntegerField(verbose_name="bytes on the wire")),
                ("methods", models.CharField(max_length=100, verbose_name="methods")),
                (
                    "conversation",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="summaries",
                        to="audit.conversation",
                        verbose_name="conversation",
                    ),
                ),
            ],
            options={
                "verbose_name": "turn",
                "verbose_name_plural": "turns",
                "ordering": ("at",),
            },
        ),
        migrations.AddIndex(
            model_name="entry",
            index=models.Index(fields=["conversation", "seq"], name="audit_by_conversation"),
        ),
        migrations.AddIndex(
            model_name="entry",
            index=models.Index(fields=["stream", "offset"], name="audit_by_stream"),
        ),
        migrations.AddIndex(
            model_name="entry",
            index=models.Index(fields=["subject", "seq"], name="audit_by_subject"),
        ),
        migrations.AddIndex(
            model_name="entry",
            index=models.Index(
                condition=models.Q(("kind__in", ["state", "access", "erasure"])),
                fields=["kind", "seq"],
                name="audit_by_system_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="entry",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind__in", ["chunk", "done", "fault"])),
                fields=("stream", "epoch", "offset"),
                name="audit_one_event_an_offset",
            ),
        ),
        migrations.AddConstraint(
            model_name="entry",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "prompt")), fields=("stream",), name="audit_one_prompt_a_stream"
            ),
        ),
        migrations.AddField(
            model_name="conversation",
            name="subject",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="conversations",
                to="audit.subject",
                verbose_name="subject",
            ),
        ),
        migrations.AddField(
            model_name="conversation",
            name="sealed_title",
            field=models.BinaryField(default=b"", verbose_name="sealed title"),
        ),
        migrations.AlterField(
            model_name="conversation",
            name="user",
            field=models.ForeignKey(
                help_text="Empty once the user was erased.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="conversations",
                to=settings.AUTH_USER_MODEL,
                verbose_name="user",
            ),
        ),
        migrations.AlterField(
            model_name="conversation", name="created", field=models.DateTimeField(verbose_name="started")
        ),
        migrations.AlterField(
            model_name="conversation",
            name="updated",
            field=models.DateTimeField(db_index=True, verbose_name="last question"),
        ),
    ]
