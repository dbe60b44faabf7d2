from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('users', '0001_initial'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='apikey',
            name='api_key_newest',
        ),
        migrations.AlterField(
            model_name='refreshtoken',
            name='family',
            field=models.UUIDField(),
        ),
        migrations.AddIndex(
            model_name='apikey',
            index=models.Index(fields=['organisation', '-created_at', '-id'], name='api_key_created'),
        ),
        migrations.AddIndex(
            model_name='apikey',
            index=models.Index(fields=['organisation', 'name', 'id'], name='api_key_name'),
        ),
        migrations.AddIndex(
            model_name='apikey',
            index=models.Index(fields=['organisation', 'last_used_at', 'id'], name='api_key_used'),
        ),
        migrations.AddIndex(
            model_name='membership',
            index=models.Index(fields=['user', 'id'], name='memberships_of_user'),
        ),
        migrations.AddIndex(
            model_name='refreshtoken',
            index=models.Index(fields=['family', 'id'], name='session_tokens'),
        ),
        migrations.AddIndex(
            model_name='refreshtoken',
            index=models.Index(fields=['user', 'is_revoked', '-id'], name='user_tokens_newest'),
        ),
    ]
