from django.urls import include, path

from sessions_app.views import SessionClearView, SessionDetailView, SessionMessagesView, SessionsView

urlpatterns = [
    path("sessions", SessionsView.as_view()),
    path("sessions/<str:key>", SessionDetailView.as_view()),
    path("sessions/<str:key>/clear", SessionClearView.as_view()),
    path("sessions/<str:key>/messages", SessionMessagesView.as_view()),
    path("", include("sessions_app.frontends.mai")),
    path("", include("sessions_app.frontends.sparrow")),
    path("", include("sessions_app.frontends.persona")),
]
