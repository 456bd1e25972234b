from decimal import Decimal

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("chat_app", "0013_notices"),
    ]

    operations = [
        migrations.AddField(
            model_name="budget",
            name="daily_cost",
            field=models.DecimalField(
                blank=True,
                decimal_places=6,
                help_text="US dollars in a day (UTC), of models whose price is known; 0: any amount; empty: as everybody",
                max_digits=14,
                null=True,
                validators=[django.core.validators.MinValueValidator(Decimal("0"))],
            ),
        ),
        migrations.AlterField(
            model_name="budget",
            name="daily_tokens",
            field=models.PositiveBigIntegerField(
                blank=True, help_text="in a day (UTC); 0: any number; empty: as everybody", null=True
            ),
        ),
    ]
