"""Models of the tiers, budgets of teams and keys, sums of the day, and spends in whole 10^-9 US dollars."""

from typing import Any

from django.db import migrations, models
from django.db.models import F


def to_nano(apps: Any, schema: Any) -> None:
    spends = apps.get_model("routing_ai", "Spend").objects.all()
    spends.update(renewed=F("created"))
    for spend in spends.exclude(amount=0).iterator():
        spend.nano = int(spend.amount * 10**9)
        spend.save(update_fields=["nano"])
    if schema.connection.vendor == "postgresql":
        # Else the checks of rows that were changed twice would wait for the end, and the table could not be altered before.
        schema.execute("SET CONSTRAINTS ALL IMMEDIATE")


class Migration(migrations.Migration):
    dependencies = [
        ("routing_ai", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]
    operations = [
        migrations.AddField("Spend", "nano", models.BigIntegerField(default=0)),
        migrations.AddField("Spend", "renewed", models.DateTimeField(null=True)),
        migrations.RunPython(to_nano, migrations.RunPython.noop, elidable=True),
        migrations.RemoveField("Spend", "amount"),
    ]
