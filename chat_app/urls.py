from django.urls import path
from rest_framework.routers import SimpleRouter

from sessions_app.agents_and_prompts.viewsets import AgentViewSet, PromptViewSet
from sessions_app.sharing.viewsets import SharedViewSet, ShareViewSet

from .history import History
from .knowledge.viewsets import DocumentSearchView, DocumentTextView
from .providers.viewsets import ProviderViewSet
from .usage.budgets import BudgetViewSet
from .usage.viewsets import AllUsageViewSet, RunUsageViewSet, UsageViewSet
from .viewsets import AccountLogViewSet, ApprovalViewSet, MessageViewSet, RunViewSet, SessionViewSet

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("sessions", SessionViewSet, "session")
router.register("sessions/<str:key>/messages", MessageViewSet, "message")
router.register("chat", RunViewSet, "run")
router.register("usage", UsageViewSet, "usage")
router.register("approvals", ApprovalViewSet, "approval")
router.register("agents", AgentViewSet, "agent")
router.register("prompts", PromptViewSet, "prompt")
router.register("events", AccountLogViewSet, "account-log")

urlpatterns = [
    *router.urls,
    path(
        "sessions/<str:key>/share",
        ShareViewSet.as_view({"get": "retrieve", "post": "create", "delete": "destroy"}, history_class=History),
    ),
    path("sessions/<str:key>/runs/<uuid:run_id>/usage", RunUsageViewSet.as_view({"get": "retrieve"})),
    path("usage/all", AllUsageViewSet.as_view({"get": "list"})),
    path("sessions/<str:key>/documents/search", DocumentSearchView.as_view()),
    path("sessions/<str:key>/documents/text", DocumentTextView.as_view()),
    path("shares", SharedViewSet.as_view({"get": "list"})),
    path("budgets", BudgetViewSet.as_view({"get": "list", "post": "create"})),
    path("budgets/<uuid:user_id>", BudgetViewSet.as_view({"get": "retrieve", "delete": "destroy"})),
    path("providers", ProviderViewSet.as_view({"get": "list", "post": "create"})),
    path("providers/test", ProviderViewSet.as_view({"post": "try_out"})),
    path(
        "providers/<int:provider_id>",
        ProviderViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
    ),
    path("shares/<str:token>/copy", SharedViewSet.as_view({"post": "copy"})),
    # The waiting approvals of all sessions are listed together; one is decided in its session.
    path("sessions/<str:key>/approvals/<uuid:approval_id>", ApprovalViewSet.as_view({"post": "decide"})),
]
