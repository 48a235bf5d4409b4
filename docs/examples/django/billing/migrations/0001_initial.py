"""The tables of the project."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Creates them."""

    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="Invoice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False)),
                ("billogram", models.CharField(max_length=40, unique=True)),
                ("received", models.DecimalField(decimal_places=2, default=0, max_digits=12)),
            ],
        ),
        migrations.CreateModel(
            name="Seen",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False)),
                ("event", models.CharField(max_length=64, unique=True)),
            ],
        ),
    ]
