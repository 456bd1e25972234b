from django.urls import path

from .views import ApprovalsView, ApprovalView, ChatView, EventsView, InterruptView, SummarizeView

urlpatterns = [
    path("chat", ChatView.as_view()),
    path("approvals", ApprovalsView.as_view()),
    path("sessions/<str:key>/approvals/<uuid:approval_id>", ApprovalView.as_view()),
    path("sessions/<str:key>/events", EventsView.as_view()),
    path("sessions/<str:key>/interrupt", InterruptView.as_view()),
    path("sessions/<str:key>/summarize", SummarizeView.as_view()),
]
