from chatjuicer.accounts.models.api_key import ApiKey, Scope
from chatjuicer.accounts.models.family import Grant, TokenFamily
from chatjuicer.accounts.models.idempotency_record import IdempotencyRecord
from chatjuicer.accounts.models.spent_token import Place, SpentToken
from chatjuicer.accounts.models.ticket import WsTicket
from chatjuicer.accounts.models.user import User

__all__ = [
    "ApiKey",
    "Grant",
    "IdempotencyRecord",
    "Place",
    "Scope",
    "SpentToken",
    "TokenFamily",
    "User",
    "WsTicket",
]
