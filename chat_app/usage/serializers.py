"""The shapes of what calls of models took."""

from datetime import date, datetime
from typing import Any, get_args

from django.utils import timezone
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from chat_app.model_calls import CallOutcome, Purpose
from chatjuicer.api.fields import Choice, DayOrTime

DAYS = 30
MAX_DAYS = 366
WAYS = ("day", "model", "session")
WAYS_OF_ALL = ("day", "model", "user")


class UsageQuerySerializer(serializers.Serializer[None]):
    to = DayOrTime(required=False)
    by = Choice(choices=WAYS, default="day")

    def get_fields(self) -> dict[str, Any]:
        return {"from": DayOrTime(required=False), **super().get_fields()}


class AllUsageQuerySerializer(UsageQuerySerializer):
    """Everybody's calls are many: each answer is about whole days, and a year of them at most."""

    by = Choice(choices=WAYS_OF_ALL, default="day")
    user = serializers.UUIDField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        until = day_of(attrs.get("to") or timezone.now())
        since = max(day_of(attrs.get("from", days_before(until, DAYS))), days_before(until, MAX_DAYS))
        return attrs | {"from": since, "to": until}


def day_of(said: date) -> date:
    return said.date() if isinstance(said, datetime) else said


def days_before(until: date, days: int) -> date:
    """The first of so many that end with `until`, or of all that there are."""
    return date.fromordinal(max(1, until.toordinal() - days + 1))


class UsageRowSerializer(serializers.Serializer[None]):
    calls = serializers.IntegerField()
    unpriced_calls = serializers.IntegerField(help_text="Those whose price was not known; `cost` has nothing of them.")
    input_tokens = serializers.IntegerField()
    cached_tokens = serializers.IntegerField(help_text="Of the input.")
    output_tokens = serializers.IntegerField()
    reasoning_tokens = serializers.IntegerField(help_text="Of the output.")
    cost = serializers.FloatField(allow_null=True, help_text="US dollars, where prices are known.")
    price_as_of = serializers.DateField(allow_null=True, help_text="The day of the oldest price in `cost`.")


class KeyedUsageSerializer(UsageRowSerializer):
    key = serializers.CharField(allow_null=True, help_text="Null: sessions that are deleted; or what was for no user.")


class TokensLeftSerializer(serializers.Serializer[None]):
    limit = serializers.IntegerField()
    left = serializers.IntegerField()


class CostLeftSerializer(serializers.Serializer[None]):
    limit = serializers.FloatField(help_text="US dollars.")
    left = serializers.FloatField()


class BudgetLeftSerializer(serializers.Serializer[None]):
    whose = serializers.ChoiceField(choices=("user", "group", "server"), help_text="Who uses it up together.")
    group = serializers.CharField(allow_null=True, help_text="Its name.")
    tokens = TokensLeftSerializer(allow_null=True, help_text="Null: any number.")
    cost = CostLeftSerializer(allow_null=True, help_text="Null: any amount.")
    unpriced_tokens = serializers.IntegerField(
        help_text="Tokens of today of models whose price is not known: `cost` has nothing of them."
    )


class StorageSerializer(serializers.Serializer[None]):
    file_bytes = serializers.IntegerField()
    message_bytes = serializers.IntegerField(help_text="Of the texts of messages.")
    quota_bytes = serializers.IntegerField(help_text="For both together.")


@extend_schema_serializer(many=False)
class UsageSerializer(serializers.Serializer[None]):
    rows = KeyedUsageSerializer(many=True)
    total = UsageRowSerializer()
    budgets = BudgetLeftSerializer(many=True, help_text="All that bind the caller: the least that is left counts.")
    budgets_until = serializers.DateTimeField(help_text="When they begin anew: midnight (UTC).")
    storage = StorageSerializer()


@extend_schema_serializer(many=False)
class AllUsageSerializer(serializers.Serializer[None]):
    rows = KeyedUsageSerializer(many=True)
    total = UsageRowSerializer()


class CallSerializer(serializers.Serializer[None]):
    at = serializers.DateTimeField(help_text="When it had ended.")
    model = serializers.CharField()
    purpose = serializers.ChoiceField(choices=get_args(Purpose))
    outcome = serializers.ChoiceField(choices=get_args(CallOutcome))
    input_tokens = serializers.IntegerField()
    cached_tokens = serializers.IntegerField(help_text="Of the input.")
    output_tokens = serializers.IntegerField()
    reasoning_tokens = serializers.IntegerField(help_text="Of the output.")
    estimated = serializers.BooleanField(help_text="The provider did not count the tokens.")
    cost = serializers.FloatField(allow_null=True, help_text="US dollars, by the price then; null: it was not known.")
    price_as_of = serializers.DateField(allow_null=True, help_text="The day of that price.")
    first_word_ms = serializers.IntegerField(allow_null=True, help_text="Until its first word; null: there was none.")
    duration_ms = serializers.IntegerField()


@extend_schema_serializer(many=False)
class RunUsageSerializer(serializers.Serializer[None]):
    calls = CallSerializer(many=True, help_text="In the order in which they ended.")
    has_more = serializers.BooleanField(help_text="There were more calls than fit; they are in the total.")
    total = UsageRowSerializer()
    went_on = serializers.BooleanField(
        help_text="The run went on with an answer that another run had begun, whose calls are not among these."
    )
