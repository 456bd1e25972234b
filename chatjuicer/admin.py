"""A session's page in the admin, put together from what each app shows of it."""

from django.contrib import admin

from chat_app.admin import EventInline, RunInline
from sessions_app.admin import ChatSessionAdmin, ContextItemInline, MessageInline
from sessions_app.models import ChatSession


@admin.register(ChatSession)
class WholeSessionAdmin(ChatSessionAdmin):
    inlines = [MessageInline, ContextItemInline, RunInline, EventInline]
