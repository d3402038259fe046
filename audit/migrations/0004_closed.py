"""Takes away what the sealed record replaces, and makes the new tables append-only."""

import django.db.models.deletion
from django.db import migrations, models

from audit import immutability


def install(apps, schema_editor):
    immutability.install(schema_editor.connection)


def remove(apps, schema_editor):
    immutability.remove(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_sealed")]

    operations = [
        migrations.RunSQL("DROP TABLE audit_old"),
        migrations.RemoveField(model_name="conversation", name="title"),
        migrations.AlterField(
            model_name="conversation",
            name="subject",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="conversations",
                to="audit.subject",
                verbose_name="subject",
            ),
        ),
        migrations.RunPython(install, remove),
    ]
