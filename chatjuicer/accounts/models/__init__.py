from chatjuicer.accounts.models.api_key import ApiKey, Scope
from chatjuicer.accounts.models.audit_entry import Act, AuditEntry
from chatjuicer.accounts.models.family import Grant, TokenFamily
from chatjuicer.accounts.models.group_allowance import ALL, Allowance, GroupAllowance
from chatjuicer.accounts.models.idempotency_record import IdempotencyRecord
from chatjuicer.accounts.models.oidc_identity import OidcIdentity
from chatjuicer.accounts.models.spent_token import Place, SpentToken
from chatjuicer.accounts.models.ticket import WsTicket
from chatjuicer.accounts.models.totp import RecoveryCode, Totp
from chatjuicer.accounts.models.user import Role, ServiceAccount, User

__all__ = [
    "ALL",
    "Act",
    "Allowance",
    "ApiKey",
    "AuditEntry",
    "Grant",
    "GroupAllowance",
    "IdempotencyRecord",
    "OidcIdentity",
    "Place",
    "RecoveryCode",
    "Role",
    "Scope",
    "ServiceAccount",
    "SpentToken",
    "TokenFamily",
    "Totp",
    "User",
    "WsTicket",
]
