import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("files_app", "0051_index_of_passages_of_agents"),
    ]

    operations = [
        migrations.AddField(
            model_name="file",
            name="embedded_as",
            field=models.CharField(
                db_default="",
                default="",
                editable=False,
                help_text="by which model its passages have vectors; empty: not all of them have",
                max_length=128,
            ),
        ),
        migrations.CreateModel(
            name="PassageVector",
            fields=[
                (
                    "passage",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="vector",
                        serialize=False,
                        to="files_app.passage",
                    ),
                ),
                ("model", models.CharField(help_text="as EMBEDDINGS named it", max_length=128)),
                ("signs", models.BinaryField()),
                ("numbers", models.BinaryField()),
            ],
        ),
    ]
