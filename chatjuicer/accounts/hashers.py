from django.contrib.auth.hashers import Argon2PasswordHasher


class FrugalArgon2(Argon2PasswordHasher):
    """Argon2id with OWASP's first choice of parameters.

    Django's own take 100 MiB and eight threads for each password: a few people who sign in at once would fill a
    small machine.
    """

    time_cost = 2
    memory_cost = 19_456  # KiB
    parallelism = 1
