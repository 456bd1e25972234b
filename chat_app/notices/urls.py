from django.urls import path

from .viewsets import PushViewSet, WebhookViewSet

urlpatterns = [
    path("webhooks", WebhookViewSet.as_view({"get": "list", "post": "create"})),
    path(
        "webhooks/<uuid:webhook_id>",
        WebhookViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
    ),
    path("webhooks/<uuid:webhook_id>/deliveries", WebhookViewSet.as_view({"get": "deliveries"})),
    path("push/key", PushViewSet.as_view({"get": "key"})),
    path("push/subscriptions", PushViewSet.as_view({"get": "list", "post": "create", "delete": "destroy"})),
]
