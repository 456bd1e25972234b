"""A session's page in the admin, put together from what each app shows of it."""

from django.contrib import admin

from chat_app.admin import EventInline, RunInline
from chat_app.transcript_admin import TranscriptAdmin
from sessions_app.admin import ContextItemInline, MessageInline
from sessions_app.models import ChatSession


@admin.register(ChatSession)
class WholeSessionAdmin(TranscriptAdmin):
    inlines = [MessageInline, ContextItemInline, RunInline, EventInline]
