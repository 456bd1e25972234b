from django.urls import include, path

from sessions_app.views import SessionClearView, SessionDetailView, SessionMessagesView, SessionsView

urlpatterns = [
    path("sessions", SessionsView.as_view()),
    path("sessions/<str:key>", SessionDetailView.as_view()),
    path("sessions/<str:key>/clear", SessionClearView.as_view()),
    path("sessions/<str:key>/messages", SessionMessagesView.as_view()),
    path("", include("chatjuicer.frontends.mai")),
    path("", include("chatjuicer.frontends.sparrow")),
    path("", include("chatjuicer.frontends.persona")),
]
