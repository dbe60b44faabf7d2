from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('logs', '0001_initial'),
        ('users', '0002_order_by_index'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='heldsearch',
            name='held_search_expiry',
        ),
        migrations.AddIndex(
            model_name='heldsearch',
            index=models.Index(fields=['organisation', '-expires_at', '-id'], name='held_search_newest'),
        ),
    ]
