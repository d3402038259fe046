"""Seals what an earlier record held, and gives every conversation its subject."""

import json
from uuid import UUID

from django.db import migrations

from audit import ledger, tracking
from audit.models import Conversation
from audit.records.event import Event, Kind, content_bytes
from audit.vault import Vault, new_subject, seal_text

BATCH = 1000


def seal(apps, schema_editor):
    connection = schema_editor.connection
    keys = Vault(connection.alias)
    with connection.cursor() as cursor:
        after = 0
        while True:
            cursor.execute("SELECT * FROM audit_old WHERE seq > %s ORDER BY seq LIMIT %s", [after, BATCH])
            rows = cursor.fetchall()
            if not rows:
                break
            after = rows[-1][0]
            events = [_event(row) for row in rows]
            contents = [content_bytes(event.text, event.meta) for event in events]
            ledger.write(connection, cursor, keys, events, contents, before=ledger.end(cursor))
        _conversations(apps, connection, cursor, keys)


def _event(row):
    _, conversation, stream, epoch, offset, kind, actor, at, body = row
    content = json.loads(body)
    return Event(
        Kind(kind), _uuid(conversation), _uuid(stream), epoch, offset, actor, at, content["text"], content["meta"]
    )


def _uuid(value):
    return value if isinstance(value, UUID) else UUID(hex=value)


def _conversations(apps, connection, cursor, keys):
    old = apps.get_model("audit", "Conversation")
    for row in old.objects.select_related("user").order_by("pk"):
        name = row.user.username
        states = []
        owner = keys.find(name)
        if owner is None:
            subject, made = new_subject(name)
            states += [tracking.save(one, connection.alias) for one in (subject, *made)]
            owner = keys.find(name)
        asked = connection.ops.adapt_datetimefield_value(row.created)
        cursor.execute("UPDATE audit_conversation SET updated = %s WHERE id = %s", [asked, _key(connection, row.pk)])
        new = Conversation(
            pk=row.pk,
            user_id=row.user_id,
            subject_id=owner.subject,
            sealed_title=seal_text(row.title, owner),
            created=row.created,
        )
        Conversation.objects.using(connection.alias).filter(pk=row.pk).update(
            subject_id=new.subject_id, sealed_title=new.sealed_title
        )
        states.append([new._meta.db_table, str(new.pk), tracking.row_digest(new)])
        event = tracking.state(states, "a conversation was taken over from an earlier record", conversation=row.pk)
        contents = [content_bytes(event.text, event.meta)]
        ledger.write(connection, cursor, keys, [event], contents, before=ledger.end(cursor))
        _touch(connection, cursor, row.pk)


def _touch(connection, cursor, conversation):
    """Let the time of a conversation be that of its newest question."""
    from audit.summaries import moment

    key = _key(connection, conversation)
    cursor.execute(
        "SELECT at FROM audit_entry WHERE conversation_id = %s AND kind = 'prompt' ORDER BY seq DESC LIMIT 1", [key]
    )
    row = cursor.fetchone()
    if row:
        newest = connection.ops.adapt_datetimefield_value(moment(row[0]))
        cursor.execute("UPDATE audit_conversation SET updated = %s WHERE id = %s", [newest, key])


def _key(connection, value):
    return value if connection.features.has_native_uuid_field else value.hex


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_vault")]

    operations = [
        migrations.RunPython(seal),
    ]
