from decimal import Decimal

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0019_groups_and_service_accounts"),
    ]

    operations = [
        migrations.AddField(
            model_name="groupallowance",
            name="daily_cost",
            field=models.DecimalField(
                db_default=Decimal("0"),
                decimal_places=6,
                default=Decimal("0"),
                help_text="US dollars that all its members together may use in a day (UTC), of models whose price is "
                "known; 0: any amount",
                max_digits=14,
                validators=[django.core.validators.MinValueValidator(Decimal("0"))],
            ),
        ),
    ]
