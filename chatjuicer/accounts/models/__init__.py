from chatjuicer.accounts.models.family import Grant, TokenFamily
from chatjuicer.accounts.models.idempotency_record import IdempotencyRecord
from chatjuicer.accounts.models.spent_token import Place, SpentToken
from chatjuicer.accounts.models.ticket import WsTicket
from chatjuicer.accounts.models.user import User

__all__ = ["Grant", "IdempotencyRecord", "Place", "SpentToken", "TokenFamily", "User", "WsTicket"]
