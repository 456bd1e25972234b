from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("chat_app", "0050_budgets_in_money"),
    ]

    operations = [
        migrations.AddField(
            model_name="callusage",
            name="price_as_of",
            field=models.DateField(help_text="the day of the price that the cost is made of", null=True),
        ),
    ]
