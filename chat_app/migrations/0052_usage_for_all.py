import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("chat_app", "0051_dates_of_prices"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="callusage",
            name="user",
            field=models.ForeignKey(
                db_index=False,
                help_text="empty: it was for all",
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="model_calls",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
    ]
